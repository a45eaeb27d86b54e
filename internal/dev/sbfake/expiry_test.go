package sbfake_test

import (
	"testing"
	"time"

	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"coremachine/internal/dev/sbfake"
)

func TestExpiredMessagesAreDeleted(t *testing.T) {
	t.Parallel()
	b, c := connect(t, sbfake.Options{TTL: 100 * time.Millisecond})

	hour := time.Hour
	if err := sender(
		t,
		c,
	).SendMessage(t.Context(), &sb.Message{Body: []byte("x"), TimeToLive: &hour}, nil); err != nil {
		t.Fatal(err)
	}

	await(t, b, sbfake.Depth{})
}

// In Service Bus, a message does not expire while it is locked.
func TestLockedMessageExpiresAfterRelease(t *testing.T) {
	t.Parallel()
	b, c := connect(t, sbfake.Options{DeadLetterExpired: true})

	ttl := 5 * time.Second
	if err := sender(
		t,
		c,
	).SendMessage(t.Context(), &sb.Message{Body: []byte("x"), TimeToLive: &ttl}, nil); err != nil {
		t.Fatal(err)
	}

	r := receiver(t, c, nil)

	m := receive(t, r, 1)[0]
	if m.ExpiresAt == nil || !m.ExpiresAt.Equal(m.EnqueuedTime.Add(ttl)) {
		t.Errorf("got ExpiresAt %v and EnqueuedTime %v, want a difference of the TTL", m.ExpiresAt, m.EnqueuedTime)
	}

	select {
	case <-time.After(time.Until(*m.ExpiresAt) + 100*time.Millisecond):
	case <-t.Context().Done():
	}

	if d := b.Depth("q"); d != (sbfake.Depth{Locked: 1}) {
		t.Errorf("got %+v, want 1 locked", d)
	}

	if err := r.AbandonMessage(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}

	await(t, b, sbfake.Depth{Dead: 1})
}

// await waits until a queue has a depth.
func await(t *testing.T, b *sbfake.Broker, want sbfake.Depth) {
	t.Helper()

	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()

	limit := time.After(time.Minute)

	for b.Depth("q") != want {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("got %+v, want %+v", b.Depth("q"), want)
		}
	}
}

// Deferred messages have no delivery tag, so the Go client also settles them by
// their lock token.
func TestDeferredMessages(t *testing.T) {
	t.Parallel()

	b, c := connect(t, sbfake.Options{})
	if err := sender(t, c).SendMessage(t.Context(), &sb.Message{Body: []byte("x")}, nil); err != nil {
		t.Fatal(err)
	}

	r := receiver(t, c, nil)

	m := receive(t, r, 1)[0]
	if m.MessageID == "" {
		t.Error("got no message ID, want one that the broker assigned")
	}

	if err := r.DeferMessage(
		t.Context(),
		m,
		&sb.DeferMessageOptions{PropertiesToModify: map[string]any{"why": "busy"}},
	); err != nil {
		t.Fatal(err)
	}

	if d := b.Depth("q"); d != (sbfake.Depth{Deferred: 1}) {
		t.Errorf("got %+v, want 1 deferred", d)
	}

	deferred, err := r.ReceiveDeferredMessages(t.Context(), []int64{*m.SequenceNumber}, nil)
	if err != nil || len(deferred) != 1 {
		t.Fatalf("got %d deferred messages, %v, want 1", len(deferred), err)
	}

	if got := deferred[0]; got.State != sb.MessageStateDeferred ||
		got.ApplicationProperties["why"] != "busy" {
		t.Errorf("got %+v, want a deferred message with the modified property", got)
	}

	if err := r.DeadLetterMessage(t.Context(), deferred[0], nil); err != nil {
		t.Fatal(err)
	}

	if d := b.Depth("q"); d != (sbfake.Depth{Dead: 1}) {
		t.Errorf("got %+v, want 1 dead", d)
	}
}
