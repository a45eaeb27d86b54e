package coremachine_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
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
// input names the stage that it was made for. A handler rejects an input that
// was made for another stage.
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

const builtTotal = 15 // 0 + 1 + ... + 5

// TestDeploymentReplacesBuildDuringJob stops the old build after the new one
// has started. The job completes or fails with an error that names the
// difference. In that case the old build starts again, and a retry completes
// the job.
func TestDeploymentReplacesBuildDuringJob(t *testing.T) {
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

// TestOldAndNewBuildsRunConcurrently keeps the old build running. Work that the
// new build cannot do waits for the old one without using up attempts.
func TestOldAndNewBuildsRunConcurrently(t *testing.T) {
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

// TestParkedWorkReachesItsBuild has one process that can do the work and three
// that cannot. No parked message is delivered again by time alone within the
// test.
func TestParkedWorkReachesItsBuild(t *testing.T) {
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

// dispatches alternates the modes of dispatch: each case runs in one mode where
// the build is replaced, and in the other where both builds stay.
var dispatches = []enginetest.Dispatch{enginetest.Queue, enginetest.Local}

// builds is one job in a schema that several builds share.
type builds struct {
	dispatch  enginetest.Dispatch
	hold      *heldStage
	old, last *enginetest.Engine
	id        state.JobID
}

// newBuilds starts the old build and runs its job up to the stage that is held.
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
		t.Fatalf("stage %s did not start: %+v", tt.hold, b.old.Read(b.id))
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

// stopOld stops the old build in the middle of the stage that is held.
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

	b.last.MustSatisfyInvariants()
}
