package define_test

import (
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

type planner = func(counted, int, listing) iter.Seq[item]

func planned(plan planner) define.Job {
	return declare(
		define.Stage[counted]{Name: "list", Tasks: define.Single(list, noInput)},
		define.Stage[counted]{Name: "work", Tasks: define.FanOut(work, define.From("list", list), plan)},
		define.Stage[counted]{
			Name:  "parts",
			Tasks: define.FanOut(work, define.FromParts[listing]("list"), plan),
		},
	)
}

var twoNames = []byte(`{"names":["a","b"]}`)

// plan returns the inputs that one result plans, and the code of the error at
// the end.
func plan(t *testing.T, j define.Job, stage int, r handlers.StoredResult) (inputs []string, code state.Code) {
	t.Helper()

	for b, err := range j.FanOut(parse(t, j, ""), stage, r) {
		if err != nil {
			if code != "" {
				t.Fatalf("got a second error: %v", err)
			}

			code = state.CodeOf(err)

			continue
		}

		if code != "" {
			t.Fatalf("got an input after the error: %s", b)
		}

		inputs = append(inputs, string(b))
	}

	return inputs, code
}

func TestFanOut_ReadsItsSource(t *testing.T) {
	t.Parallel()

	j := planned(names)
	both := []string{`{"name":"a"}`, `{"name":"b"}`}

	tests := []struct {
		name        string
		stage, part int
		want        []string
	}{
		{"a result", 1, -1, both},
		{"a part is not a result", 1, 0, nil},
		{"a part", 2, 3, both},
		{"a result is not a part", 2, -1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, code := plan(t, j, tt.stage, handlers.StoredResult{Part: tt.part, Data: twoNames})
			if diff := cmp.Diff(tt.want, got); diff != "" || code != "" {
				t.Errorf("code %q, inputs (-want +got):\n%s", code, diff)
			}
		})
	}
}

func TestFanOut_EndsAfterTheFirstError(t *testing.T) {
	t.Parallel()

	yields := func(items ...item) planner {
		return func(counted, int, listing) iter.Seq[item] {
			return func(yield func(item) bool) {
				for _, i := range items {
					if !yield(i) {
						return
					}
				}
			}
		}
	}

	tests := []struct {
		name   string
		plan   planner
		data   string
		before int // number of inputs before the error
		want   state.Code
	}{
		{
			"the planner panics",
			func(counted, int, listing) iter.Seq[item] { panic("boom") },
			"{}",
			0,
			state.CodePlanner,
		},
		{"its sequence panics", func(counted, int, listing) iter.Seq[item] {
			return func(yield func(item) bool) {
				yield(item{})
				panic("boom")
			}
		}, "{}", 1, state.CodePlanner},
		{"no sequence at all", func(counted, int, listing) iter.Seq[item] { return nil }, "{}", 0, ""},
		{
			"too large",
			yields(item{"x"}, item{strings.Repeat("x", state.MaxInput)}, item{"y"}),
			"{}",
			1,
			state.CodeInputTooLarge,
		},
		{"U+0000", yields(item{"\x00"}), "{}", 0, state.CodePlanner},
		{"another type", names, `{"names":3}`, 0, state.CodePlanner},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			inputs, code := plan(
				t,
				planned(tt.plan),
				1,
				handlers.StoredResult{Part: -1, Data: []byte(tt.data)},
			)
			if len(inputs) != tt.before || code != tt.want {
				t.Errorf("got %d inputs and code %q, want %d and %q", len(inputs), code, tt.before, tt.want)
			}
		})
	}
}

func TestFanOut_StopsWhenTheReaderStops(t *testing.T) {
	t.Parallel()

	for name, p := range map[string]planner{
		"a planner that stops": names,
		"a planner that does not": func(_ counted, _ int, l listing) iter.Seq[item] {
			return func(yield func(item) bool) {
				for _, n := range l.Names {
					yield(item{n})
				}
			}
		},
	} {
		seen := 0

		j := planned(p)
		for _, err := range j.FanOut(parse(t, j, ""), 1, handlers.StoredResult{Part: -1, Data: twoNames}) {
			if seen++; err != nil {
				t.Errorf("%s: %v", name, err)
			}

			break
		}

		if seen != 1 {
			t.Errorf("%s: got %d inputs, want 1", name, seen)
		}
	}
}

func TestFanOut_PropagatesPanicsOfTheReader(t *testing.T) {
	t.Parallel()

	defer func() {
		if got := recover(); got != "of the reader" {
			t.Errorf("got panic %v", got)
		}
	}()

	j := planned(names)
	for _, err := range j.FanOut(parse(t, j, ""), 1, handlers.StoredResult{Part: -1, Data: twoNames}) {
		t.Logf("read: %v", err)
		panic("of the reader")
	}
}

func TestFanOut_RejectsOtherStageKinds(t *testing.T) {
	t.Parallel()

	if _, code := plan(t, planned(names), 0, handlers.StoredResult{Part: -1}); code != state.CodePlanner {
		t.Errorf("got code %q, want %q", code, state.CodePlanner)
	}
}
