package sbfake

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rawClient exchanges single frames with a broker, like the .NET client.
type rawClient struct {
	t    *testing.T
	conn net.Conn
}

func dial(t *testing.T) rawClient {
	t.Helper()

	b := New(Options{Queues: []string{"q"}})
	t.Cleanup(b.Close)
	c := b.Pipe()

	t.Cleanup(func() { _ = c.Close() }) // fails if the broker closed it

	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}

	return rawClient{t, c}
}

func (r rawClient) write(b []byte) {
	r.t.Helper()

	if _, err := r.conn.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

func (r rawClient) send(kind byte, code uint64, fields ...any) {
	r.t.Helper()
	r.write(appendFrame(kind, frame{code: code, fields: fields}))
}

// header exchanges the protocol headers.
func (r rawClient) header(protocol byte) {
	r.t.Helper()

	want := []byte{'A', 'M', 'Q', 'P', protocol, 1, 0, 0}
	r.write(want)

	got := make([]byte, 8)
	if _, err := io.ReadFull(r.conn, got); err != nil || string(got) != string(want) {
		r.t.Fatalf("got the header % x, %v", got, err)
	}
}

// read returns the next frame, which must have the code.
func (r rawClient) read(code uint64) frame {
	r.t.Helper()

	for {
		f, err := readFrame(r.conn)
		if err != nil {
			r.t.Fatal(err)
		}

		switch f.code {
		case code:
			return f
		case 0: // a keep-alive frame
		default:
			r.t.Fatalf("got the frame %#x %v, want %#x", f.code, f.fields, code)
		}
	}
}

const codeInit = 0x41

// sasl authenticates with a mechanism of the .NET client and returns the
// outcome.
func (r rawClient) sasl(mechanism symbol) uint8 {
	r.t.Helper()
	r.header(3)

	offered := r.read(codeMechanisms)
	if diff := cmp.Diff([]any{[]any{symbol("MSSBCBS"), symbol("ANONYMOUS")}}, offered.fields); diff != "" {
		r.t.Fatalf("the mechanisms are not an array of both: -want +got:\n%s", diff)
	}

	r.send(frameSASL, codeInit, mechanism)

	return field[uint8](r.read(codeOutcome).fields, 0)
}

func TestDotNetClientAuthenticates(t *testing.T) {
	t.Parallel()

	for _, test := range []struct {
		mechanism symbol
		want      uint8
	}{{"MSSBCBS", saslOK}, {"ANONYMOUS", saslOK}, {"PLAIN", saslRefused}} {
		t.Run(string(test.mechanism), func(t *testing.T) {
			t.Parallel()

			if got := dial(t).sasl(test.mechanism); got != test.want {
				t.Errorf("got the outcome %d, want %d", got, test.want)
			}
		})
	}
}

// attach opens a link to an address: a receiver if receives is true, and
// otherwise a sender.
func (r rawClient) attach(handle uint32, receives bool, address string) {
	r.t.Helper()

	source, target := described{0x28, []any{address}}, described{0x29, []any{"client"}}
	if !receives {
		source, target = described{0x28, []any{"client"}}, described{0x29, []any{address}}
	}

	r.send(frameAMQP, codeAttach, "link", handle, receives, nil, nil, source, target, nil, nil, uint32(0))
}

func TestDotNetClientOpensLinksWithALeadingSlash(t *testing.T) {
	t.Parallel()

	r := dial(t)
	if r.sasl("MSSBCBS") != saslOK {
		t.Fatal("the client was not authenticated")
	}

	r.header(0)
	r.send(frameAMQP, codeOpen, "client", "test", uint32(maxFrame))
	r.read(codeOpen)
	r.send(frameAMQP, codeBegin, nil, uint32(0), uint32(maxWindow), uint32(maxWindow))
	r.read(codeBegin)

	for i, address := range []string{"/q", "/q/$management", "/q/$DeadLetterQueue"} {
		handle := uint32(2 * i)
		r.attach(handle, false, address)

		target, _ := field[described](r.read(codeAttach).fields, 6).value.([]any)
		if got := field[string](target, 0); got != address {
			t.Errorf("%s: the attach has the target %q", address, got)
		}

		if got := field[uint32](r.read(codeFlow).fields, 6); got == 0 {
			t.Errorf("%s: got no credit", address)
		}

		r.attach(handle+1, true, address)
		r.read(codeAttach)
	}

	r.attach(9, false, "/missing")
	r.read(codeAttach)
	problem, _ := field[described](r.read(codeDetach).fields, 2).value.([]any)

	want := []any{symbol("amqp:not-found"), "The messaging entity 'missing' could not be found."}
	if diff := cmp.Diff(want, problem); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
