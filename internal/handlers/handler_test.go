package handlers

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
)

func TestFunc_Options(t *testing.T) {
	t.Parallel()

	plain := Func(greeting)
	if got, want := plain.Retry(), state.DefaultBackoff; got != want {
		t.Errorf("default retry: got %+v, want %+v", got, want)
	}

	if plain.Timeout() != DefaultTimeout || plain.Queue() != state.QueueTasks || plain.Part() != nil {
		t.Errorf("defaults: got %s, %s, %v", plain.Timeout(), plain.Queue(), plain.Part())
	}

	if plain.In() != reflect.TypeFor[GreetingInput]() || plain.Out() != reflect.TypeFor[GreetingOutput]() {
		t.Errorf("types: got %s and %s", plain.In(), plain.Out())
	}

	h := Func(
		greeting,
		Attempts(7),
		Base(time.Second),
		Factor(3),
		Cap(time.Minute),
		Jitter(0.5),
		Timeout(time.Hour),
		Long(),
		Emits[doubled](),
		Needs("A"),
		Needs("B", "C"),
	)

	want := state.Backoff{Attempts: 7, Base: time.Second, Factor: 3, Cap: time.Minute, Jitter: 0.5}
	if got := h.Retry(); got != want {
		t.Errorf("retry: got %+v, want %+v", got, want)
	}

	if h.Timeout() != time.Hour || h.Queue() != state.QueueLongTasks ||
		h.Part() != reflect.TypeFor[doubled]() {
		t.Errorf("got %s, %s, %v", h.Timeout(), h.Queue(), h.Part())
	}

	if diff := cmp.Diff([]string{"A", "B", "C"}, h.Needs()); diff != "" {
		t.Errorf("needs (-want +got):\n%s", diff)
	}
}

func TestPermanent(t *testing.T) {
	t.Parallel()

	cause := errors.New("the file is gone")
	wrapped := fmt.Errorf("reading: %w", Permanent(cause))

	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"marked", Permanent(cause), true},
		{"wrapped", wrapped, true},
		{"around an error with another code", Permanent(state.Errorf(state.CodeBusy, "x", "y")), true},
		{"by code", state.Errorf(state.CodePermanent, "x", "y"), true},
		{"with a wait", RetryAfter(time.Second, Permanent(cause)), true},
		{"any other", cause, false},
		{"nil", nil, false},
		{"nil, marked", Permanent(nil), false},
	}
	for _, tt := range tests {
		if got := IsPermanent(tt.err); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}

	if Permanent(nil) != nil {
		t.Error("Permanent(nil) is an error")
	}

	if got := state.CodeOf(wrapped); got != state.CodePermanent {
		t.Errorf("got code %q, want %q", got, state.CodePermanent)
	}

	if !errors.Is(wrapped, cause) || wrapped.Error() != "reading: the file is gone" {
		t.Errorf("the cause is lost: %v", wrapped)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()

	cause := errors.New("429")

	tests := []struct {
		name string
		err  error
		want time.Duration
		ok   bool
	}{
		{"requested", fmt.Errorf("x: %w", RetryAfter(3*time.Second, cause)), 3 * time.Second, true},
		{"negative", RetryAfter(-1, cause), 0, true},
		{"none", cause, 0, false},
		{"of nil", RetryAfter(1, nil), 0, false},
	}
	for _, tt := range tests {
		if got, ok := RetryDelay(tt.err); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %s, %t, want %s, %t", tt.name, got, ok, tt.want, tt.ok)
		}
	}

	if err := RetryAfter(1, cause); !errors.Is(err, cause) || err.Error() != "429" {
		t.Errorf("the cause is lost: %v", err)
	}
}
