package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	h "coremachine/internal/handlers"
	"coremachine/internal/state"
)

// pairs is the lineage of a job that has ended: n greetings of a message and n
// replies, created as they are read.
type pairs struct {
	n       int
	message string
	err     error // returned after the last
}

func (pairs) Predecessor(context.Context) ([]byte, error) { return nil, nil }

func (p pairs) Results(_ context.Context, stage string) iter.Seq2[h.StoredResult, error] {
	return func(yield func(h.StoredResult, error) bool) {
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

		for i := range p.n {
			said := fmt.Sprintf("%s from task %d!", p.message, i)

			var v any = h.GreetingOutput{Greeting: said, TaskIndex: i, Timestamp: at}
			if stage == "reply" {
				v = h.ReplyOutput{Reply: "Replying to: " + said, TaskIndex: i, Timestamp: at}
			}

			b, err := json.Marshal(v)
			if !yield(h.StoredResult{Index: i, Part: -1, Data: b}, err) {
				return
			}
		}

		if p.err != nil {
			yield(h.StoredResult{}, p.err)
		}
	}
}

func resultOf(t *testing.T, lineage h.Lineage) (raw []byte, r HelloWorldResult) {
	t.Helper()

	p, err := HelloWorld.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}

	raw, err = HelloWorld.Result(t.Context(), p, lineage)
	if err != nil {
		t.Fatal(err)
	}

	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}

	return raw, r
}

func TestHelloWorld_Result(t *testing.T) {
	t.Parallel()
	raw, _ := resultOf(t, pairs{n: 1, message: "Hi"})

	const want = `{"greetings":[{"greeting":"Hi from task 0!","task_index":0,"timestamp":"2026-01-02T03:04:05Z"}],` +
		`"replies":[{"reply":"Replying to: Hi from task 0!","task_index":0,"timestamp":"2026-01-02T03:04:05Z"}]}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
}

func TestHelloWorld_ResultWithoutTasks(t *testing.T) {
	t.Parallel()

	raw, _ := resultOf(t, pairs{})
	if want := `{"greetings":[],"replies":[]}`; string(raw) != want {
		t.Errorf("got %s, want %s", raw, want)
	}
}

// The largest job that the parameters allow has far more results than fit in
// one result. It must still complete.
func TestHelloWorld_ResultIsBounded(t *testing.T) {
	t.Parallel()

	raw, r := resultOf(t, pairs{n: 1000, message: strings.Repeat("\u0001", 1000)})
	if len(raw) > state.MaxResult {
		t.Errorf("got %d bytes, want at most %d", len(raw), state.MaxResult)
	}

	if !r.Truncated || len(r.Greetings) == 0 || len(r.Replies) == 0 {
		t.Errorf("got %d greetings, %d replies, truncated %t", len(r.Greetings), len(r.Replies), r.Truncated)
	}

	if _, r = resultOf(
		t,
		pairs{n: 1000, message: "Hello World"},
	); r.Truncated || len(r.Greetings) != 1000 ||
		len(r.Replies) != 1000 {
		t.Errorf("got %d greetings, %d replies, truncated %t", len(r.Greetings), len(r.Replies), r.Truncated)
	}
}

func TestHelloWorld_ResultReturnsReadErrors(t *testing.T) {
	t.Parallel()

	p, err := HelloWorld.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}

	away := state.Errorf(state.CodeUnavailable, "x", "the database is away")
	if _, err := HelloWorld.Result(
		t.Context(),
		p,
		pairs{n: 2, err: away},
	); state.CodeOf(
		err,
	) != state.CodeUnavailable {
		t.Errorf("got %v, want code %q", err, state.CodeUnavailable)
	}
}
