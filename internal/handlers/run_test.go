package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"coremachine/internal/state"
)

type doubled struct {
	N int `json:"n"`
}

// answer returns a handler that ignores its input and returns the results of
// fn.
func answer(fn func() (any, error)) Handler {
	return Func(func(context.Context, Task, struct{}) (any, error) { return fn() })
}

// missing returns a nil pointer whose type hides that it is nil.
func missing() *doubled { return nil }

type rude struct{}

func (rude) MarshalJSON() ([]byte, error) { panic("while encoding") }

func TestRun_Results(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		fn   func() (any, error)
		want state.Code // "" if a result is expected
	}{
		{"a struct", func() (any, error) { return doubled{2}, nil }, ""},
		{"null", func() (any, error) { return nil, nil }, ""}, //nolint:nilnil // nil is what is tested
		{
			"as large as may be",
			func() (any, error) { return strings.Repeat("x", state.MaxResult-2), nil },
			"",
		},
		{"a backslash before u0000", func() (any, error) { return `a\u0000`, nil }, ""},
		{
			"one byte more",
			func() (any, error) { return strings.Repeat("x", state.MaxResult-1), nil },
			state.CodeResultTooLarge,
		},
		{"U+0000", func() (any, error) { return "a\x00b", nil }, state.CodeInvalidResult},
		{"U+0000 after an escape", func() (any, error) { return "\\\x00", nil }, state.CodeInvalidResult},
		{
			"U+0000 in a key",
			func() (any, error) { return map[string]int{"\x00": 1}, nil },
			state.CodeInvalidResult,
		},
		{
			"U+0000 in raw JSON",
			func() (any, error) { return jsontext.Value(`"\u0000"`), nil },
			state.CodeInvalidResult,
		},
		{"no UTF-8", func() (any, error) { return "\xff", nil }, state.CodeInvalidResult},
		{
			"half a surrogate pair",
			func() (any, error) { return jsontext.Value(`"\ud800"`), nil },
			state.CodeInvalidResult,
		},
		{"NaN", func() (any, error) { return math.NaN(), nil }, state.CodeInvalidResult},
		{"infinity", func() (any, error) { return math.Inf(1), nil }, state.CodeInvalidResult},
		{"no JSON", func() (any, error) { return jsontext.Value(`{`), nil }, state.CodeInvalidResult},
		{"two values", func() (any, error) { return jsontext.Value(`1 2`), nil }, state.CodeInvalidResult},
		{
			"the same key twice",
			func() (any, error) { return jsontext.Value(`{"a":1,"a":2}`), nil },
			state.CodeInvalidResult,
		},
		{"a channel", func() (any, error) { return make(chan int), nil }, state.CodeInvalidResult},
		{"panic", func() (any, error) { panic("boom") }, state.CodePanic},
		{"panic with an error", func() (any, error) { panic(errors.New("boom")) }, state.CodePanic},
		{"panic with nil", func() (any, error) { panic(nil) }, state.CodePanic}, //nolint:govet // nil is what is tested
		{"nil dereference", func() (any, error) { return missing().N, nil }, state.CodePanic},
		{"panic while encoding", func() (any, error) { return rude{}, nil }, state.CodePanic},
		{"permanent", func() (any, error) { return nil, Permanent(errors.New("no")) }, state.CodePermanent},
		{
			"an error and a result",
			func() (any, error) { return 1, state.Errorf(state.CodeBusy, "x", "y") },
			state.CodeBusy,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			result, err := answer(tt.fn).Run(t.Context(), NewTask(TaskSpec{}), []byte("{}"))
			if got := state.CodeOf(err); got != tt.want {
				t.Errorf("got code %q of %v, want %q", got, err, tt.want)
			}

			if (result != nil) == (err != nil) {
				t.Errorf("got result %.40q and error %v", result, err)
			}
		})
	}
}

func TestRun_Input(t *testing.T) {
	t.Parallel()

	double := Func(
		func(_ context.Context, _ Task, in doubled) (doubled, error) { return doubled{2 * in.N}, nil },
	)

	tests := []struct {
		name, input, want string
		code              state.Code
	}{
		{"decodes", `{"n":3}`, `{"n":6}`, ""},
		{"empty is an empty object", ``, `{"n":0}`, ""},
		{"lets fields of a newer build pass", `{"n":1,"m":2}`, `{"n":2}`, ""},
		{"keys are exact", `{"N":3}`, `{"n":0}`, ""},
		{"no key twice", `{"n":3,"n":4}`, "", state.CodePermanent},
		{"another type", `{"n":"3"}`, "", state.CodePermanent},
		{"no JSON", `{`, "", state.CodePermanent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, err := double.Run(t.Context(), NewTask(TaskSpec{}), []byte(tt.input))
			if string(got) != tt.want || state.CodeOf(err) != tt.code {
				t.Errorf("got %s, %v, want %q and code %q", got, err, tt.want, tt.code)
			}
		})
	}
}

func TestRun_ReturnsTheHandlersOwnError(t *testing.T) {
	t.Parallel()

	own := errors.New("own")

	_, err := answer(
		func() (any, error) { return nil, fmt.Errorf("wrapped: %w", own) },
	).Run(t.Context(), Task{}, nil)
	if !errors.Is(err, own) || IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestRun_LogsThePanicStackAndOmitsItFromTheError(t *testing.T) {
	t.Parallel()

	var log bytes.Buffer

	task := NewTask(TaskSpec{Log: slog.New(slog.NewTextHandler(&log, nil))})
	_, err := answer(func() (any, error) { panic("boom") }).Run(t.Context(), task, nil)

	text := regexp.MustCompile(
		`^handlers\.Run: the handler panicked at internal/handlers/run_test\.go:\d+: boom$`,
	)
	if got := err.Error(); !text.MatchString(got) {
		t.Errorf("got %q, want the first own frame and nothing else of the stack", got)
	}

	var panicked *state.Error
	if !errors.As(err, &panicked) || !strings.Contains(panicked.Stack, "handlers.TestRun_") {
		t.Errorf("got %+v, want its stack", panicked)
	}

	if !strings.Contains(log.String(), "run_test.go") {
		t.Errorf("got log %q, want the stack in it", log.String())
	}
}

func TestRun_RejectsTheZeroHandler(t *testing.T) {
	t.Parallel()

	for _, h := range []Handler{{}, Func[struct{}, struct{}](nil)} {
		if _, err := h.Run(
			t.Context(),
			Task{},
			nil,
		); state.CodeOf(err) != state.CodeUnknownTaskType ||
			h.Runs() {
			t.Errorf("got %v, want code %q", err, state.CodeUnknownTaskType)
		}
	}
}

// counted is a result whose encoding counts the concurrent encodings, and waits
// until the test closes free.
type counted struct {
	now, most *atomic.Int64
	free      <-chan struct{}
}

func (c counted) MarshalJSON() ([]byte, error) {
	n := c.now.Add(1)
	defer c.now.Add(-1)

	for {
		if most := c.most.Load(); n <= most || c.most.CompareAndSwap(most, n) {
			break
		}
	}

	<-c.free

	return []byte("1"), nil
}

func TestRunEncodesFewResultsAtOnce(t *testing.T) { //nolint:paralleltest // the bound is of the whole process
	var now, most atomic.Int64

	free := make(chan struct{})

	var ready, over sync.WaitGroup

	run := func(ctx context.Context) {
		ready.Add(1)
		over.Go(func() {
			h := answer(func() (any, error) {
				ready.Done()
				return counted{&now, &most, free}, nil
			})
			if _, err := h.Run(ctx, Task{}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	for range 64 {
		run(t.Context())
	}

	ready.Wait()

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	run(ended) // it does not wait: those that encode may hang

	for now.Load() <= int64(cap(encoding)) {
		runtime.Gosched()
	}

	close(free)
	over.Wait()

	if n := most.Load(); n > int64(cap(encoding))+1 {
		t.Errorf(
			"%d results were encoded concurrently, want at most %d and the one that does not wait",
			n,
			cap(encoding),
		)
	}
}
