package funchost_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/funchost"
	"coremachine/internal/state"
)

func TestTriggerPassesMessageToCallee(t *testing.T) {
	t.Parallel()

	var (
		got       funchost.Invocation
		inContext bool
	)

	b := setup(t, funchost.Options{}, func(ctx context.Context, inv funchost.Invocation) error {
		got = inv

		var same funchost.Invocation

		same, inContext = funchost.FromContext(ctx)
		inContext = inContext && same.ID == inv.ID

		return nil
	})
	m := message(t, 7)
	wantAcknowledged(t, b.run(t, http.MethodPost, "/process_task", envelope(t, m),
		"X-Azure-Functions-InvocationId", "3f4b", "Traceparent", "00-aa-bb-01"))

	if got.Function != "process_task" || got.ID != "3f4b" || got.Traceparent != "00-aa-bb-01" ||
		got.Deliveries != 3 {
		t.Errorf("got invocation %+v", got)
	}

	if got.Message.TransportID() != m.TransportID() || got.Message.MessageID != 7 {
		t.Errorf("got message %+v, want %+v", got.Message, m)
	}

	if !inContext {
		t.Error("the context does not carry the invocation")
	}
}

func TestTriggerHandlesBatchInOrder(t *testing.T) {
	t.Parallel()

	var got []int64

	b := setup(t, funchost.Options{}, func(_ context.Context, inv funchost.Invocation) error {
		got = append(got, inv.Message.MessageID)
		return nil
	})
	wantAcknowledged(
		t,
		b.run(t, http.MethodPost, "/process_task", envelope(t, message(t, 1), message(t, 2), message(t, 3))),
	)

	if diff := cmp.Diff([]int64{1, 2, 3}, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// A malformed message is acknowledged. Otherwise the host would deliver it a
// hundred times within a second.
func TestTriggerAcknowledgesMalformedMessages(t *testing.T) {
	t.Parallel()

	calls := 0

	b := setup(
		t,
		funchost.Options{},
		func(context.Context, funchost.Invocation) error { calls++; return nil },
	)
	for name, body := range map[string]string{
		"NotJSON":      `<xml/>`,
		"Empty":        ``,
		"NoData":       `{"Metadata":{}}`,
		"NullMessage":  `{"Data":{"message":null}}`,
		"ForeignJSON":  `{"Data":{"message":"{\"hello\":1}"}}`,
		"ForeignBytes": `{"Data":{"message":"AAAA"}}`,
		"TooLarge":     `{"Data":{"message":"` + strings.Repeat("A", 9<<20) + `"}}`,
	} {
		before := b.host.Stats().Malformed
		wantAcknowledged(t, b.run(t, http.MethodPost, "/process_task", body))

		if got := b.host.Stats().Malformed - before; got != 1 {
			t.Errorf("%s: got %d malformed messages counted, want 1", name, got)
		}
	}

	if calls != 0 {
		t.Errorf("got %d calls, want none", calls)
	}
}

func TestTriggerRunsTickWithAnyBody(t *testing.T) {
	t.Parallel()

	var late []bool

	b := setup(t, funchost.Options{}, func(_ context.Context, inv funchost.Invocation) error {
		late = append(late, inv.PastDue)
		return nil
	})
	for _, body := range []string{
		`{"Data":{"timer":{"IsPastDue":true}}}`,
		`{"Data":{"timer":{"IsPastDue":false}}}`,
		``,
	} {
		wantAcknowledged(t, b.run(t, http.MethodPost, "/sweep", body))
	}

	if diff := cmp.Diff([]bool{true, false, false}, late); diff != "" {
		t.Errorf("ticks (-want +got):\n%s", diff)
	}
}

func TestTriggerNacksErrorsAndPanics(t *testing.T) {
	t.Parallel()

	for name, trigger := range map[string]funchost.Trigger{
		"Error": func(context.Context, funchost.Invocation) error { return errors.New("failed") },
		"Panic": func(context.Context, funchost.Invocation) error { panic("failed") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, funchost.Options{}, trigger)
				wantStatus(
					t,
					b.run(t, http.MethodPost, "/process_task", envelope(t, message(t, 1))),
					http.StatusInternalServerError,
				)

				if got := b.host.Stats(); got.Failed != 1 || (got.Panics == 1) != (name == "Panic") {
					t.Errorf("got stats %+v", got)
				}
			})
		})
	}
}

func TestTriggerDelaysResponseUntilAvailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		b := setup(t, funchost.Options{}, func(context.Context, funchost.Invocation) error {
			if calls++; calls < 6 {
				return unavailable()
			}

			return nil
		})
		wantAcknowledged(t, b.run(t, http.MethodPost, "/process_task", envelope(t, message(t, 1))))

		if calls != 6 {
			t.Errorf("got %d calls, want 6", calls)
		}
	})
}

func TestTriggerNacksAfterHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(
			t,
			funchost.Options{},
			func(context.Context, funchost.Invocation) error { return unavailable() },
		)

		took := elapsed(func() {
			wantStatus(
				t,
				b.run(t, http.MethodPost, "/process_task", envelope(t, message(t, 1))),
				http.StatusServiceUnavailable,
			)
		})
		if took != funchost.DefaultHold {
			t.Errorf("responded after %s, want %s", took, funchost.DefaultHold)
		}
	})
}

func TestTriggerWaitsForStartUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, funchost.Options{FunctionTimeout: 30 * time.Minute}, nil)

		var ready atomic.Bool

		time.AfterFunc(10*time.Second, func() {
			err := b.host.Install(funchost.Work{
				Triggers: map[string]funchost.Trigger{
					"process_task": func(context.Context, funchost.Invocation) error { return nil },
				},
				Ready: func() error {
					if !ready.Load() {
						return errors.New("the schema is older than the build")
					}

					return nil
				},
			})
			if err != nil {
				t.Error(err)
			}
		})
		time.AfterFunc(20*time.Second, func() { ready.Store(true) })

		took := elapsed(func() {
			wantAcknowledged(t, b.run(t, http.MethodPost, "/process_task", envelope(t, message(t, 1))))
		})
		if took < 20*time.Second || took > 25*time.Second {
			t.Errorf("responded after %s, want about 20 s", took)
		}
	})
}

func TestTriggerRespondsAtDeadlineWithoutCallee(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})

		var cause error

		b := setup(
			t,
			funchost.Options{FunctionTimeout: 5 * time.Minute},
			func(ctx context.Context, _ funchost.Invocation) error {
				<-release

				cause = ctx.Err()

				return nil
			},
		)

		took := elapsed(func() {
			wantStatus(
				t,
				b.run(t, http.MethodPost, "/process_task", envelope(t, message(t, 1))),
				http.StatusServiceUnavailable,
			)
		})
		if want := 5*time.Minute - funchost.AnswerMargin; took != want {
			t.Errorf("responded after %s, want %s", took, want)
		}

		if got := b.host.Stats(); got.Abandoned != 1 || got.Running != 1 {
			t.Errorf("got %+v, want one abandoned call, still running", got)
		}

		close(release)
		synctest.Wait()

		if cause == nil || b.host.Stats().Running != 0 {
			t.Errorf(
				"the callee's context ended with %v and %d run, want an end and none",
				cause,
				b.host.Stats().Running,
			)
		}
	})
}

// If the host disconnects, the work continues. The next delivery of the message
// finds its result.
func TestTriggerContinuesAfterHostDisconnects(t *testing.T) {
	t.Parallel()
	b := setup(
		t,
		funchost.Options{},
		func(ctx context.Context, _ funchost.Invocation) error { return ctx.Err() },
	)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	r, err := http.NewRequestWithContext(
		ctx,
		http.MethodPost,
		"/process_task",
		strings.NewReader(envelope(t, message(t, 1))),
	)
	if err != nil {
		t.Fatal(err)
	}

	w := httptest.NewRecorder()
	b.host.ServeHTTP(w, r)
	wantAcknowledged(t, w)
}

func TestInstallRejectsInvalidTriggers(t *testing.T) {
	t.Parallel()
	b := setup(t, funchost.Options{}, nil)

	work := func(context.Context, funchost.Invocation) error { return nil }
	for _, triggers := range []map[string]funchost.Trigger{
		{"submit_job": work}, {"drain": work}, {"sweep": nil},
	} {
		err := b.host.Install(funchost.Work{Triggers: triggers})
		if !errors.Is(err, &state.Error{Code: state.CodeInvalid}) {
			t.Errorf("%v: got %v, want an error with code invalid", triggers, err)
		}
	}
}
