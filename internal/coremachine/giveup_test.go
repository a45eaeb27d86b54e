package coremachine

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/state"
)

// releasing is a store that only releases messages.
type releasing struct {
	Store

	delay time.Duration
}

func (r *releasing) Release(
	_ context.Context,
	_ uuid.UUID,
	_ state.ClaimedMessage,
	delay time.Duration,
	_ string,
) (state.TransitionEffects, error) {
	r.delay = delay
	return state.TransitionEffects{}, nil
}

func TestAMessageOfAStoppedJobIsReleasedWithoutAnAlarm(t *testing.T) {
	t.Parallel()

	for _, stopped := range []bool{true, false} {
		var log bytes.Buffer

		store := &releasing{delay: -1}
		m := New(Config{Store: store, Log: slog.New(slog.NewTextHandler(&log, nil))})
		s := &session{ctx: t.Context()}

		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)

		if stopped {
			cancel(errCancelled)
		}

		err := m.requeue(s, &inFlight{ctx: ctx}, state.Wrap(state.CodeUnavailable, "x", "x", context.Canceled))
		if err != nil {
			t.Fatal(err)
		}

		if alarm := bytes.Contains(log.Bytes(), []byte("ERROR")); alarm == stopped {
			t.Errorf("stopped: %t: the log is %s", stopped, &log)
		}

		if want := map[bool]time.Duration{true: 0, false: time.Second}[stopped]; store.delay != want {
			t.Errorf("stopped: %t: released with a delay of %v, want %v", stopped, store.delay, want)
		}
	}
}
