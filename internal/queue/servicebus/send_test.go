package servicebus_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/queue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/state"
)

func TestSendFillsBatches(t *testing.T) {
	t.Parallel()
	b, c := open(t, sbfake.Options{MaxMessage: 64 << 10})

	var transfers atomic.Int64

	b.SetFaults(sbfake.Faults{Send: func(string) sbfake.SendFault {
		transfers.Add(1)
		return sbfake.SendOK
	}})

	if err := c.Send(t.Context(), state.QueueTasks, messages(500)); err != nil {
		t.Fatal(err)
	}

	if d := b.Depth("tasks"); d.Ready != 500 {
		t.Errorf("got %+v, want 500 ready", d)
	}

	if n := transfers.Load(); n < 3 || n > 8 { // about 350 bytes per message
		t.Errorf("sent 500 messages in %d batches of 64 KiB, want 3 to 8", n)
	}
}

// TestSendLimitsMessagesPerBatch uses batches whose size would permit more.
func TestSendLimitsMessagesPerBatch(t *testing.T) {
	t.Parallel()
	b, c := open(t, sbfake.Options{MaxMessage: 8 << 20})

	var transfers atomic.Int64

	b.SetFaults(sbfake.Faults{Send: func(string) sbfake.SendFault {
		transfers.Add(1)
		return sbfake.SendOK
	}})
	send(t, c, 10_000)

	if d := b.Depth("tasks"); d.Ready != 10_000 || transfers.Load() != 3 {
		t.Errorf("got %+v from %d batches, want 10,000 from 3 of at most 4,500", d, transfers.Load())
	}
}

func TestSendWithoutMessages(t *testing.T) {
	t.Parallel()

	_, c := open(t, sbfake.Options{})
	if err := c.Send(t.Context(), state.QueueTasks, nil); err != nil {
		t.Error(err)
	}
}

// faultTimes returns a hook that injects the fault in the first n calls, or in
// all calls if n is 0.
func faultTimes(fault sbfake.SendFault, n int64) sbfake.Faults {
	var calls atomic.Int64

	return sbfake.Faults{Send: func(string) sbfake.SendFault {
		if k := calls.Add(1); n > 0 && k > n {
			return sbfake.SendOK
		}

		return fault
	}}
}

func TestSendErrorSaysWhatToFix(t *testing.T) {
	t.Parallel()

	for _, test := range []struct {
		name   string
		opts   sbfake.Options
		faults sbfake.Faults
		code   state.Code
		want   []string
	}{
		{
			name: "no queue",
			opts: sbfake.Options{Queues: []string{"jobs"}},
			code: state.CodeUnavailable,
			want: []string{"queue tasks of 127.0.0.1:", "create it", "duplicate detection"},
		},
		{
			name:   "unauthorized",
			faults: sbfake.Faults{Token: func(string) bool { return true }},
			code:   state.CodeUnavailable,
			want:   []string{"queue tasks", "Azure Service Bus Data Sender"},
		},
		{
			name:   "busy",
			faults: faultTimes(sbfake.SendBusy, 0),
			code:   state.CodeBusy,
			want:   []string{"queue tasks", "throttled"},
		},
		{
			name:   "full",
			faults: faultTimes(sbfake.SendQuota, 0),
			code:   state.CodeBusy,
			want:   []string{"queue tasks", "full"},
		},
		{
			name: "too large",
			opts: sbfake.Options{MaxMessage: 100},
			code: state.CodeTooLarge,
			want: []string{"queue tasks", "larger"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, c := open(t, test.opts)
			b.SetFaults(test.faults)

			limit, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()

			err := c.Send(limit, state.QueueTasks, messages(3))
			if got := state.CodeOf(err); got != test.code {
				t.Fatalf("got %s, want %s: %v", got, test.code, err)
			}

			var known *state.Error
			if !errors.As(err, &known) {
				t.Fatal(err)
			}

			for _, part := range test.want {
				if !strings.Contains(known.Msg, part) {
					t.Errorf("%q does not contain %q", known.Msg, part)
				}
			}

			if d := b.Depth("tasks"); d != (sbfake.Depth{}) {
				t.Errorf("got depth %+v, want an empty queue", d)
			}
		})
	}
}

// The relay bisects a batch that is rejected permanently, and retries one that
// failed for a temporary cause.
func TestSendDistinguishesRejectionsFromFailures(t *testing.T) {
	t.Parallel()

	rejecting := sbfake.Faults{Refuse: func(_, id string) bool { return id == messages(3)[1].TransportID() }}
	for _, test := range []struct {
		name   string
		opts   sbfake.Options
		faults sbfake.Faults
		code   state.Code
		want   string // empty if the message is not rejected
	}{
		{
			name: "one is too large",
			opts: sbfake.Options{MaxMessage: 100},
			code: state.CodeTooLarge,
			want: "amqp:link:message-size-exceeded",
		},
		{
			name:   "one is not valid",
			faults: rejecting,
			code:   state.CodeInvalid,
			want:   "com.microsoft:argument-error",
		},
		{
			name:   "full",
			faults: faultTimes(sbfake.SendQuota, 0),
			code:   state.CodeBusy,
		},
		{
			name: "no queue",
			opts: sbfake.Options{Queues: []string{"jobs"}},
			code: state.CodeUnavailable,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, c := open(t, test.opts)
			b.SetFaults(test.faults)

			limit, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()

			err := c.Send(limit, state.QueueTasks, messages(3))
			if got := state.CodeOf(err); got != test.code {
				t.Errorf("got %s, want %s: %v", got, test.code, err)
			}

			reason := ""
			if rejected, ok := errors.AsType[*queue.RefusedError](err); ok {
				reason = rejected.Reason
			}

			if reason != test.want {
				t.Errorf("got reason %q, want %q: %v", reason, test.want, err)
			}
		})
	}
}

func TestWarmReportsMissingQueue(t *testing.T) {
	t.Parallel()
	_, c := open(t, sbfake.Options{Queues: []string{"jobs", "tasks"}})

	err := c.Warm(t.Context())
	if err == nil || !strings.Contains(err.Error(), "long-tasks") {
		t.Errorf("got %v, want an error that names the queue", err)
	}

	b, c := open(t, sbfake.Options{})
	if err := c.Warm(t.Context()); err != nil {
		t.Error(err)
	}

	if log := b.Log(); len(log) > 0 {
		t.Errorf("Warm sent %+v", log)
	}
}

func TestSendRetriesAfterFaults(t *testing.T) {
	t.Parallel()

	for _, test := range []struct {
		name       string
		fault      sbfake.SendFault
		duplicates int // dropped by duplicate detection
	}{
		{"busy", sbfake.SendBusy, 0},
		{"detached", sbfake.SendDetach, 0},
		{"cut off before it is stored", sbfake.SendLoseBatch, 0},
		{"cut off before the answer", sbfake.SendLoseAck, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, c := open(t, sbfake.Options{})
			b.SetFaults(faultTimes(test.fault, 1))

			if err := c.Send(t.Context(), state.QueueTasks, messages(100)); err != nil {
				t.Fatal(err)
			}

			dropped := 0

			for _, e := range b.Log() {
				if e.Duplicate {
					dropped++
				}
			}

			if d := b.Depth("tasks"); d.Ready != 100 || dropped != test.duplicates {
				t.Errorf("got %+v and %d dropped, want 100 ready and %d dropped", d, dropped, test.duplicates)
			}
		})
	}
}

// Without duplicate detection, a lost answer causes duplicates. This is why
// infra/data.bicep turns it on.
func TestLostAnswerWithoutDuplicateDetection(t *testing.T) {
	t.Parallel()
	b, c := open(t, sbfake.Options{Duplicates: -1})
	b.SetFaults(faultTimes(sbfake.SendLoseAck, 1))

	if err := c.Send(t.Context(), state.QueueTasks, messages(100)); err != nil {
		t.Fatal(err)
	}

	if d := b.Depth("tasks"); d.Ready != 200 {
		t.Errorf("got %+v, want 200 ready", d)
	}
}

func TestNewHidesTheKey(t *testing.T) {
	t.Parallel()

	_, err := servicebus.New(
		servicebus.Options{Connection: "Endpoint=;SharedAccessKeyName=k;SharedAccessKey=topsecret"},
	)
	if err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("got %v, want an error without the key", err)
	}
}
