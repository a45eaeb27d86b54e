package sbfake_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"coremachine/internal/dev/sbfake"
)

// connect connects the real client to a broker with one queue "q".
func connect(t *testing.T, o sbfake.Options) (*sbfake.Broker, *sb.Client) {
	t.Helper()

	o.Queues = []string{"q"}
	b := sbfake.New(o)
	t.Cleanup(b.Close)

	address, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	c, err := sb.NewClientFromConnectionString(sbfake.ConnectionString(address), nil)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})

	return b, c
}

func sender(t *testing.T, c *sb.Client) *sb.Sender {
	t.Helper()

	s, err := c.NewSender("q", nil)
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func receiver(t *testing.T, c *sb.Client, o *sb.ReceiverOptions) *sb.Receiver {
	t.Helper()

	r, err := c.NewReceiverForQueue("q", o)
	if err != nil {
		t.Fatal(err)
	}

	return r
}

func receive(t *testing.T, r *sb.Receiver, n int) []*sb.ReceivedMessage {
	t.Helper()

	limit, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	var all []*sb.ReceivedMessage
	for len(all) < n {
		batch, err := r.ReceiveMessages(limit, min(5000, n-len(all)), nil)
		if err != nil {
			t.Fatalf("received %d of %d: %v", len(all), n, err)
		}

		all = append(all, batch...)
	}

	return all
}

func TestSingleMessage(t *testing.T) {
	t.Parallel()
	b, c := connect(t, sbfake.Options{})
	id, job, kind := "id", "job", "text/plain"

	sent := &sb.Message{
		Body:                  []byte(strings.Repeat("x", 200_000)), // more than three frames
		MessageID:             &id,
		CorrelationID:         &job,
		ContentType:           &kind,
		ApplicationProperties: map[string]any{"number": int64(7)},
	}
	if err := sender(t, c).SendMessage(t.Context(), sent, nil); err != nil {
		t.Fatal(err)
	}

	r := receiver(t, c, nil)

	m := receive(t, r, 1)[0]
	if string(m.Body) != string(sent.Body) || m.MessageID != id ||
		m.CorrelationID == nil || *m.CorrelationID != job || m.ContentType == nil || *m.ContentType != kind ||
		m.ApplicationProperties["number"] != int64(7) {
		t.Errorf("got %d bytes, %+v, want the sent message", len(m.Body), m)
	}

	if m.DeliveryCount != 1 || m.SequenceNumber == nil || m.EnqueuedTime == nil || m.LockedUntil == nil ||
		m.State != sb.MessageStateActive {
		t.Errorf("got %+v, want the broker's properties", m)
	}

	if err := r.CompleteMessage(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}

	if d := b.Depth("q"); d != (sbfake.Depth{}) {
		t.Errorf("got depth %+v, want an empty queue", d)
	}
}

func TestReceiveAndDelete(t *testing.T) {
	t.Parallel()

	b, c := connect(t, sbfake.Options{})
	if err := sender(t, c).SendMessage(t.Context(), &sb.Message{Body: []byte("x")}, nil); err != nil {
		t.Fatal(err)
	}

	receive(t, receiver(t, c, &sb.ReceiverOptions{ReceiveMode: sb.ReceiveModeReceiveAndDelete}), 1)

	if d := b.Depth("q"); d != (sbfake.Depth{}) {
		t.Errorf("got depth %+v, want an empty queue", d)
	}
}

func TestSizeLimits(t *testing.T) {
	t.Parallel()
	b, c := connect(t, sbfake.Options{MaxMessage: 10_000})

	s := sender(t, c)
	if err := s.SendMessage(
		t.Context(),
		&sb.Message{Body: make([]byte, 10_001)},
		nil,
	); !errors.Is(
		err,
		sb.ErrMessageTooLarge,
	) {
		t.Errorf("one message: got %v, want ErrMessageTooLarge", err)
	}

	batch, err := s.NewMessageBatch(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}

	n := 0

	for err == nil {
		if err = batch.AddMessage(&sb.Message{Body: make([]byte, 1000)}, nil); err == nil {
			n++
		}
	}

	if !errors.Is(err, sb.ErrMessageTooLarge) || n != 9 {
		t.Errorf("the batch accepted %d messages, then %v, want 9 and ErrMessageTooLarge", n, err)
	}

	wide, err := s.NewMessageBatch(t.Context(), &sb.MessageBatchOptions{MaxBytes: 10_000})
	if err != nil {
		t.Fatal(err)
	}

	if err := wide.AddMessage(&sb.Message{Body: make([]byte, 9500)}, nil); err != nil {
		t.Fatal(err)
	}

	if err := s.SendMessageBatch(t.Context(), wide, nil); err != nil {
		t.Error(err)
	}

	if d := b.Depth("q"); d.Ready != 1 {
		t.Errorf("got %+v, want 1 ready", d)
	}
}

func TestMissingQueue(t *testing.T) {
	t.Parallel()
	_, c := connect(t, sbfake.Options{})

	s, err := c.NewSender("other", nil)
	if err != nil {
		t.Fatal(err)
	}

	var known *sb.Error
	if err := s.SendMessage(
		t.Context(),
		&sb.Message{},
		nil,
	); !errors.As(err, &known) ||
		known.Code != sb.CodeNotFound {
		t.Errorf("got %v, want CodeNotFound", err)
	}
}

func TestFullQueueReturnsRawError(t *testing.T) {
	t.Parallel()
	b, c := connect(t, sbfake.Options{})
	b.SetFaults(sbfake.Faults{Send: func(string) sbfake.SendFault { return sbfake.SendQuota }})

	var raw *amqp.Error

	err := sender(t, c).SendMessage(t.Context(), &sb.Message{}, nil)
	if !errors.As(err, &raw) || raw.Condition != amqp.ErrCondResourceLimitExceeded {
		t.Errorf("got %v, want a raw AMQP error", err)
	}
}

func TestScheduledMessages(t *testing.T) {
	t.Parallel()
	b, c := connect(t, sbfake.Options{})
	s := sender(t, c)

	numbers, err := s.ScheduleMessages(
		t.Context(),
		[]*sb.Message{{Body: []byte("never")}, {Body: []byte("soon")}},
		time.Now().Add(time.Second),
		nil,
	)
	if err != nil || len(numbers) != 2 {
		t.Fatalf("got sequence numbers %v, %v, want 2", numbers, err)
	}

	if d := b.Depth("q"); d.Scheduled != 2 || d.Ready != 0 {
		t.Errorf("got %+v, want 2 scheduled", d)
	}

	if err := s.CancelScheduledMessages(t.Context(), numbers[:1], nil); err != nil {
		t.Fatal(err)
	}

	r := receiver(t, c, nil)

	m := receive(t, r, 1)[0]
	if string(m.Body) != "soon" {
		t.Errorf("got %s, want soon", m.Body)
	}

	if err := r.CompleteMessage(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}

	if d := b.Depth("q"); d != (sbfake.Depth{}) {
		t.Errorf("got depth %+v, want an empty queue", d)
	}
}

// With 20,000 locked messages, an operation must not scan all of them for each
// message.
func TestManyLockedMessages(t *testing.T) {
	t.Parallel()
	b, c := connect(t, sbfake.Options{})

	const n = 20_000

	s := sender(t, c)
	for sent := 0; sent < n; {
		batch, err := s.NewMessageBatch(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}

		for range 500 {
			id := strconv.Itoa(sent)
			if err := batch.AddMessage(&sb.Message{Body: []byte("x"), MessageID: &id}, nil); err != nil {
				t.Fatal(err)
			}

			sent++
		}

		if err := s.SendMessageBatch(t.Context(), batch, nil); err != nil {
			t.Fatal(err)
		}
	}

	r := receiver(t, c, nil)

	all := receive(t, r, n)
	if d := b.Depth("q"); d.Locked != n || d.Ready != 0 {
		t.Errorf("got %+v, want %d locked", d, n)
	}

	seen := map[string]bool{}
	for _, m := range all {
		seen[m.MessageID] = true
	}

	var open sync.WaitGroup
	for part := range slices.Chunk(all, n/16) {
		open.Go(func() {
			for _, m := range part {
				if err := r.CompleteMessage(t.Context(), m, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}

	open.Wait()

	if d := b.Depth("q"); d != (sbfake.Depth{}) || len(seen) != n {
		t.Errorf("received %[2]d messages and left %+[1]v, want all and none", d, len(seen))
	}
}
