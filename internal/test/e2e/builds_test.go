package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// The job of these tests is list -> copy -> check -> total, with a result. Each
// input names the stage that it was made for, and each handler refuses one that
// was made for another.
type (
	builtIn struct {
		For string `json:"for"`
		Add int    `json:"add"`
	}
	builtParams struct {
		N    int `json:"n"    default:"3" validate:"min=0,max=1000"`
		Seed int `json:"seed" default:"0"`
	}
	builtDefault struct {
		builtParamsN
		Seed  int    `json:"seed"  default:"0"`
		Scale string `json:"scale" default:"metre"`
	}
	builtRequired struct {
		builtParamsN
		Seed   int    `json:"seed"   default:"0"`
		Region string `json:"region" validate:"required"`
	}
	builtParamsN struct {
		N int `json:"n" default:"3" validate:"min=0,max=1000"`
	}
)

const (
	built      handlers.TaskType[builtIn, workOut] = "built"
	builtOther handlers.TaskType[builtIn, workOut] = "built_other"
)

// buildStages is the job of the old build, by name so that a test can change
// it.
func buildStages[P any]() []define.Stage[P] {
	return []define.Stage[P]{
		{Name: "list", Tasks: define.Dynamic(built, "n", each[P]("list"))},
		{Name: "copy", Tasks: copies[P]("copy", "list"), Bundle: 1},
		{Name: "check", Tasks: define.MatchPrevious(built, each[P]("check")), UsesLineage: true},
		{Name: "total", Tasks: define.FanIn(built, func(P) builtIn { return builtIn{For: "total"} })},
	}
}

func each[P any](stage string) func(P, int) builtIn {
	return func(_ P, i int) builtIn { return builtIn{For: stage, Add: i} }
}

// copies plans two tasks for each result of a stage.
func copies[P any](stage, from string) define.Tasks[P] {
	return define.FanOut(built, define.From(from, built), func(_ P, i int, _ workOut) iter.Seq[builtIn] {
		return func(yield func(builtIn) bool) {
			_ = yield(builtIn{stage, 2 * i}) && yield(builtIn{stage, 2*i + 1})
		}
	})
}

func buildOf[P any](stages []define.Stage[P]) map[string]define.Job {
	return map[string]define.Job{"moving": define.Define(define.Definition[P]{
		Description: "A job that a deployment changes", Stages: stages,
		Result: func(ctx context.Context, _ P, r define.Results) (any, error) {
			for out, err := range define.Of[workOut](ctx, r, "total") {
				return out, err
			}

			return nil, nil
		},
	})}
}

// change returns the new build's job: the old one with one thing changed.
func change(fn func(stages []define.Stage[builtParams]) []define.Stage[builtParams]) map[string]define.Job {
	return buildOf(fn(buildStages[builtParams]()))
}

// heldStage keeps the attempts of a stage waiting until it is opened.
type heldStage struct {
	stage  string
	open   chan struct{}
	met    chan struct{}
	once   sync.Once
	opened sync.Once
}

func newHold(stage string) *heldStage {
	return &heldStage{stage: stage, open: make(chan struct{}), met: make(chan struct{})}
}

func (h *heldStage) release() { h.opened.Do(func() { close(h.open) }) }

func (h *heldStage) handlers(jobs map[string]define.Job) map[string]handlers.Handler {
	reads := "copy"
	run := func(ctx context.Context, t handlers.Task, in builtIn) (workOut, error) {
		if in.For != t.Stage {
			return workOut{}, handlers.Permanent(
				fmt.Errorf("stage %s was given an input of %q", t.Stage, in.For),
			)
		}

		if t.Stage == h.stage {
			h.once.Do(func() { close(h.met) })

			select {
			case <-h.open:
			case <-ctx.Done():
				return workOut{}, ctx.Err()
			}
		}

		return compute(ctx, t, in, reads)
	}
	all := map[string]handlers.Handler{}

	for _, s := range jobs["moving"].Stages() {
		if s.Kind == state.FanOut {
			reads = s.Name
		}

		all[s.TaskType] = handlers.Func(run)
	}

	return all
}

// compute is what a task of a stage does; reads is the stage that total adds
// up.
func compute(ctx context.Context, t handlers.Task, in builtIn, reads string) (out workOut, err error) {
	switch t.Stage {
	case "check":
		out, err = handlers.Predecessor[workOut](ctx, t)
		return out, err
	case "total":
		for r, err := range handlers.Results[workOut](ctx, t, reads) {
			if err != nil {
				return out, err
			}

			out.Value += r.Value
		}

		return out, nil
	}

	return workOut{Value: in.Add}, nil
}

const builtTotal = 15 // 0 + 1 + ... + 5

// buildCase is a deployment that changes a job while the old build holds a
// stage of it.
type buildCase struct {
	name    string
	hold    string                // the stage that runs when the new build starts
	next    map[string]define.Job // the new build
	differs string                // how the job fails where no old build is left; "": it completes
}

func buildCases() []buildCase {
	type stages = []define.Stage[builtParams]

	on := func(names ...string) []string { return names }
	single := func(name string) define.Tasks[builtParams] {
		return define.Single(built, func(builtParams) builtIn { return builtIn{For: name} })
	}

	return []buildCase{
		{"the same", "list", change(func(s stages) stages { return s }), ""},
		{"stage inserted in front", "list", change(func(s stages) stages {
			s[0].DependsOn = define.None
			return append(stages{{Name: "before", Tasks: single("before")}}, s...)
		}), ""},
		{"stage inserted in front, tasks under way", "check", change(func(s stages) stages {
			s[0].DependsOn = define.None
			return append(stages{{Name: "before", Tasks: single("before")}}, s...)
		}), ""},
		{"stage inserted at the end", "list", change(func(s stages) stages {
			return append(s, define.Stage[builtParams]{Name: "after", Tasks: single("after")})
		}), ""},
		{"stage inserted in the middle", "list", change(func(s stages) stages {
			s[2].DependsOn = on("between")
			s[2].Tasks = define.MatchPrevious(built, each[builtParams]("check"))

			return stages{
				s[0],
				s[1],
				{Name: "between", Tasks: define.MatchPrevious(built, each[builtParams]("between"))},
				s[2],
				s[3],
			}
		}), `stage "check" depended on copy, this build declares between`},
		{
			"stage removed", "list", change(func(s stages) stages { return stages{s[0], s[1], s[3]} }),
			`stage "check" was match_previous over copy, this build does not declare it`,
		},
		{"all later stages removed", "list", change(func(s stages) stages {
			return stages{s[0], {Name: "total", Tasks: single("total")}}
		}), `stage "copy" was fan_out over list, this build does not declare it`},
		{"stage renamed", "list", change(func(s stages) stages {
			s[1].Name, s[1].Tasks = "copies", copies[builtParams]("copies", "list")
			return s
		}), `stage "copy" was fan_out over list, this build does not declare it`},
		{"kind changed", "list", change(func(s stages) stages {
			s[1].Tasks = define.Dynamic(built, "n", each[builtParams]("copy"))
			return s
		}), `stage "copy" was fan_out over list, this build declares dynamic`},
		{"kind changed, tasks under way", "copy", change(func(s stages) stages {
			s[1].Tasks = define.Dynamic(built, "n", each[builtParams]("copy"))
			return s
		}), `stage "copy" was fan_out over list, this build declares dynamic`},
		{"task type changed", "list", change(func(s stages) stages {
			s[2].Tasks = define.MatchPrevious(builtOther, each[builtParams]("check"))
			return s
		}), `stage "check" ran tasks of type built, this build declares built_other`},
		{"task type of the stage before changed", "check", change(func(s stages) stages {
			s[1].Tasks = define.FanOut(
				builtOther,
				define.From("list", built),
				func(builtParams, int, workOut) iter.Seq[builtIn] { return nil },
			)

			return s
		}), `stage "copy" ran tasks of type built, this build declares built_other`},
		{"task type of an earlier stage changed", "total", change(func(s stages) stages {
			s[1].Tasks = define.FanOut(
				builtOther,
				define.From("list", built),
				func(builtParams, int, workOut) iter.Seq[builtIn] { return nil },
			)

			return s
		}), `stage "copy" ran tasks of type built, this build declares built_other`},
		{"dependency changed", "list", change(func(s stages) stages {
			s[3].DependsOn = on("copy", "check")
			return s
		}), `stage "total" depended on check, this build declares check, copy`},
		{"parameter added with a default", "list", buildOf(buildStages[builtDefault]()), ""},
		{
			"parameter added without a default", "list", buildOf(buildStages[builtRequired]()),
			`this build refuses the stored parameters: region: missing: want a string`,
		},
		{"parameter removed", "list", buildOf(buildStages[builtParamsN]()), ""},
		{
			"result function removed",
			"list",
			map[string]define.Job{"moving": define.Define(define.Definition[builtParams]{
				Description: "A job that a deployment changes", Stages: buildStages[builtParams](),
			})},
			"the job had a result function, this build declares none",
		},
	}
}

// TestADeploymentReplacesABuildInMidJob stops the old build when the new one
// runs. The job ends as it must, or says what differs; then the old build is
// back, and a retry completes it.
func TestADeploymentReplacesABuildInMidJob(t *testing.T) {
	t.Parallel()

	for i, tt := range buildCases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBuilds(t, tt, dispatches[i%2])
			b.start(t, tt.next, 300*time.Millisecond)
			b.old.Process(0).StopReceiving()
			b.stopOld(t)

			job := b.last.Wait(b.id)
			if tt.differs == "" {
				b.mustBeRight(t, job)
				return
			}

			job.MustBe(t, state.JobFailed)

			if job.Error.Code != state.CodeDefinitionChanged ||
				!strings.Contains(job.Error.Message, tt.differs) {
				t.Fatalf("the job failed with %+v, want %q", job.Error, tt.differs)
			}

			b.mustNotCount(t)

			b.last.Process(0).Stop()
			b.start(t, buildOf(buildStages[builtParams]()), time.Hour)

			if _, err := b.last.Process(0).Machine.Retry(t.Context(), b.id, "test", ""); err != nil {
				t.Fatal(err)
			}

			b.mustBeRight(t, b.last.Wait(b.id))
		})
	}
}

// TestOldAndNewBuildsWorkSideBySide keeps the old build: what the new one
// cannot do waits for it, uncounted.
func TestOldAndNewBuildsWorkSideBySide(t *testing.T) {
	t.Parallel()

	for i, tt := range buildCases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBuilds(t, tt, dispatches[1-i%2])
			b.start(t, tt.next, time.Hour)
			b.hold.release()
			job := b.old.Wait(b.id)
			b.mustBeRight(t, job)
			b.mustNotCount(t)
		})
	}
}

// TestParkedWorkFindsItsBuild has one process that can do the work and three
// that cannot, and no delivery of what was parked within the time of the test.
func TestParkedWorkFindsItsBuild(t *testing.T) {
	t.Parallel()
	h, url := newHold(""), pgtest.URL(t)
	of := func(jobs map[string]define.Job, processes int) enginetest.Options {
		return enginetest.Options{
			URL:       url,
			Jobs:      jobs,
			Handlers:  h.handlers(jobs),
			Dispatch:  enginetest.Queue,
			Processes: processes,
			Conns:     2,
			Config:    func(c *coremachine.Config) { c.ParkFirst, c.Renew = time.Hour, 200*time.Millisecond },
		}
	}
	enginetest.Start(t, of(buildOf(buildStages[builtRequired]()), 3))

	old := enginetest.Start(t, of(buildOf(buildStages[builtParams]()), 1))
	for seed := range 5 {
		old.Submit("moving", fmt.Sprintf(`{"seed":%d}`, seed))
	}

	until(t, "all jobs have completed", func() bool {
		return query(t, old, `select count(*) from jobs where status = 'completed'`) == 5
	})

	if n := query(t, old, `select count(*) from messages`); n != 0 {
		t.Errorf("%d messages are left", n)
	}

	mustCount(t, old, 0, `select count(*) from attempts`)
}

// dispatches take turns: each case runs in one where the build is replaced, and
// in the other where both stay.
var dispatches = []enginetest.Dispatch{enginetest.Queue, enginetest.Local}

// builds is one job over a schema that builds share.
type builds struct {
	dispatch  enginetest.Dispatch
	hold      *heldStage
	old, last *enginetest.Engine
	id        state.JobID
}

// newBuilds starts the old build, and its job up to the stage that is held.
func newBuilds(t *testing.T, tt buildCase, dispatch enginetest.Dispatch) *builds {
	t.Helper()

	b := &builds{dispatch: dispatch, hold: newHold(tt.hold)}
	t.Cleanup(b.hold.release)
	b.old = enginetest.Start(t, b.options(pgtest.URL(t), buildOf(buildStages[builtParams]()), time.Hour))
	b.old.Audit()

	b.id = b.old.Submit("moving", `{}`)
	select {
	case <-b.hold.met:
	case <-time.After(time.Minute):
		t.Fatalf("stage %s did not begin: %+v", tt.hold, b.old.Read(b.id))
	}

	return b
}

func (b *builds) options(url string, jobs map[string]define.Job, limit time.Duration) enginetest.Options {
	return enginetest.Options{
		URL: url, Jobs: jobs, Handlers: b.hold.handlers(jobs), Dispatch: b.dispatch, InFlight: 4,
		Log: slog.New(slog.DiscardHandler),
		Config: func(c *coremachine.Config) {
			c.ParkFirst, c.ParkLimit, c.Drain = 50*time.Millisecond, limit, time.Millisecond
		},
	}
}

func (b *builds) start(t *testing.T, jobs map[string]define.Job, limit time.Duration) {
	t.Helper()
	b.last = enginetest.Start(t, b.options(b.old.URL(), jobs, limit))
}

// stopOld ends the old build in the middle of the stage that is held.
func (b *builds) stopOld(t *testing.T) {
	t.Helper()
	b.old.Process(0).Stop()
	b.hold.release()
}

// mustNotCount checks that waiting for the other build used up no attempt.
func (b *builds) mustNotCount(t *testing.T) {
	t.Helper()

	rows, err := b.last.Pool().
		Query(t.Context(), `select outcome || ': ' || error from attempts where outcome not in ('cancelled', 'lost')`)
	if err != nil {
		t.Fatal(err)
	}

	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(found) > 0 {
		t.Errorf("attempts were counted: %q; %v", found, err)
	}
}

func (b *builds) mustBeRight(t *testing.T, job enginetest.Job) {
	t.Helper()
	job.MustBe(t, state.JobCompleted)

	var out workOut
	if err := json.Unmarshal(job.Result, &out); err != nil || out.Value != builtTotal {
		t.Errorf("the result is %s, want %d; %v", job.Result, builtTotal, err)
	}

	b.last.MustBalance()
}
