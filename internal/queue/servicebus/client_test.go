package servicebus_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/state"
)

// identity is a credential with tokens that the fake broker accepts.
type identity struct{ scopes chan string }

func (i identity) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	select {
	case i.scopes <- o.Scopes[0]:
	default:
	}

	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// TestSendAndReceiveWithCredential connects as in production, with a namespace
// and a credential and without a key. A pipe replaces the network.
func TestSendAndReceiveWithCredential(t *testing.T) {
	t.Parallel()

	b := sbfake.New(sbfake.Options{Queues: queueNames()})
	t.Cleanup(b.Close)

	id := identity{make(chan string, 1)}

	c := client(t, servicebus.Options{
		Namespace: "name.servicebus.windows.net", Credential: id,
		Dial: func(context.Context) (net.Conn, error) { return b.Pipe(), nil },
	})
	if err := c.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}

	send(t, c, 500)

	r := receiver(t, c)
	for _, d := range receiveN(t, r, 500) {
		if err := r.Complete(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}

	if d := b.Depth(state.QueueTasks.String()); d != (sbfake.Depth{}) {
		t.Errorf("got depth %+v, want an empty queue", d)
	}

	if got, want := <-id.scopes, "https://servicebus.azure.net//.default"; got != want {
		t.Errorf("requested a token for %s, want %s", got, want)
	}
}
