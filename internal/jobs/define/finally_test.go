package define_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
)

// TestCheck_FinallyStagesComeLast rejects finally stages that other stages
// surround.
func TestCheck_FinallyStagesComeLast(t *testing.T) {
	t.Parallel()

	one := define.Stage[counted]{Name: "first", Tasks: single()}

	for _, tt := range []struct {
		name   string
		stages []define.Stage[counted]
		want   []string
	}{
		{
			"finally stage after another stage",
			[]define.Stage[counted]{
				one, {Name: "b", Tasks: single(), Finally: true, DependsOn: []string{"first"}},
			},
			[]string{`stage b: depends on "first", which is not a finally stage`},
		},
		{
			"finally stage before another stage",
			[]define.Stage[counted]{
				one, {Name: "b", Tasks: single(), Finally: true}, {Name: "c", Tasks: single()},
			},
			[]string{"stage c: follows a finally stage: finally stages come last"},
		},
		{
			"only a finally stage",
			[]define.Stage[counted]{{Name: "a", Tasks: single(), Finally: true}},
			[]string{"the first stage is a finally stage"},
		},
	} {
		got := define.Check(
			map[string]define.Job{"a": declare(tt.stages...)}, allHandlers(), handlers.Deps{}, 0,
		)
		for _, want := range tt.want {
			if !strings.Contains(strings.Join(got, "\n"), want) {
				t.Errorf("%s: the problems are %q, want %q", tt.name, got, want)
			}
		}
	}
}

// TestCheck_FinallyStagesFollowEachOther checks the default dependencies of
// finally stages: the first waits for the outcome only.
func TestCheck_FinallyStagesFollowEachOther(t *testing.T) {
	t.Parallel()

	job := declare(
		define.Stage[counted]{Name: "list", Tasks: define.Single(list, noInput)},
		define.Stage[counted]{
			Name:        "clean",
			Tasks:       define.Single(work, func(counted) item { return item{Name: "x"} }),
			Finally:     true,
			UsesLineage: true,
		},
		define.Stage[counted]{Name: "report", Tasks: define.FanIn(gather, noInput), Finally: true},
	)
	if got := define.Check(map[string]define.Job{"a": job}, map[string]handlers.Handler{
		"list": handle(list, handlers.Emits[item]()), "work": handle(work), "gather": handle(gather),
	}, handlers.Deps{}, 0); len(got) > 0 {
		t.Fatalf("problems: %q", got)
	}

	got := [][]int{}
	for _, s := range job.Stages() {
		got = append(got, s.DependsOn)
	}

	if diff := cmp.Diff([][]int{{}, {}, {1}}, got); diff != "" {
		t.Errorf("dependencies (-want +got):\n%s", diff)
	}

	if !job.Shape(1).Finally || job.Shape(0).Finally {
		t.Error("the shapes do not say which stages are finally stages")
	}
}
