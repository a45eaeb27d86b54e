package enginetest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Job is the current state of a job.
type Job struct {
	ID      state.JobID
	Status  state.JobStatus
	Attempt int
	Error   *state.Failure
	Result  json.RawMessage
	Stages  []Stage
}

// Stage is the current state of a stage.
type Stage struct {
	Number                                                   int
	Name                                                     string
	Gen                                                      int
	Status                                                   state.StageStatus
	Total, Planned, Dispatched, Completed, Failed, Cancelled int
}

// Read reads a job with its stages.
func (e *Engine) Read(id state.JobID) Job {
	e.t.Helper()

	ctx := context.Background()
	j := Job{ID: id}

	err := e.Pool().QueryRow(ctx, `select status, attempt, error, result from jobs where job_id = $1`, id[:]).
		Scan(&j.Status, &j.Attempt, &j.Error, &j.Result)
	if err != nil {
		e.t.Fatalf("read job %s: %v", id.Short(), err)
	}

	rows, err := e.Pool().
		Query(ctx,
			`select stage, name, gen, status, coalesce(total, -1), planned, dispatched, completed, failed, cancelled
		from stages where job_id = $1 order by stage`, id[:])
	if err != nil {
		e.t.Fatal(err)
	}

	if j.Stages, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Stage]); err != nil {
		e.t.Fatal(err)
	}

	return j
}

// MustBe fails the test if the job has another status.
func (j Job) MustBe(t testing.TB, want state.JobStatus) Job {
	t.Helper()

	if j.Status != want {
		t.Fatalf("job %s is %s (%+v), want %s; stages %+v", j.ID.Short(), j.Status, j.Error, want, j.Stages)
	}

	return j
}

// Stage returns a stage by name.
func (j Job) Stage(t testing.TB, name string) Stage {
	t.Helper()

	for _, s := range j.Stages {
		if s.Name == name {
			return s
		}
	}

	t.Fatalf("job %s has no stage %q", j.ID.Short(), name)

	return Stage{}
}

// MustHave fails the test if the stage has not ended with the given numbers of
// completed and failed tasks.
func (s Stage) MustHave(t testing.TB, completed, failed int) Stage {
	t.Helper()

	if !s.Status.Ended() || s.Completed != completed || s.Failed != failed {
		t.Fatalf(
			"stage %s is %s with %d completed and %d failed of %d, want %d and %d",
			s.Name,
			s.Status,
			s.Completed,
			s.Failed,
			s.Total,
			completed,
			failed,
		)
	}

	return s
}

// Results returns the results of a stage by index. A task that did not complete
// has none.
func (e *Engine) Results(id state.JobID, stage string) map[int]json.RawMessage {
	e.t.Helper()

	out := map[int]json.RawMessage{}

	for r, err := range e.procs[0].Repo.Results(context.Background(), id, state.StageShape{Name: stage}) {
		if err != nil {
			e.t.Fatal(err)
		}

		if r.Part < 0 {
			out[r.Index] = json.RawMessage(r.Data)
		}
	}

	return out
}

// Audit makes the schema log every status change. MustSatisfyInvariants then
// checks the log as well.
func (e *Engine) Audit() {
	e.t.Helper()

	if err := LogStatusChanges(context.Background(), e.Pool()); err != nil {
		e.t.Fatal(err)
	}

	e.audited = true
}

// MustSatisfyInvariants checks every job in the schema: exactly one message
// covers each task that has not ended, the counters match the rows, and nothing
// remains of jobs that have ended.
func (e *Engine) MustSatisfyInvariants() {
	e.t.Helper()

	found, err := InvariantViolations(context.Background(), e.Pool())
	if err != nil {
		e.t.Fatal(err)
	}

	if e.audited {
		more, err := IllegalTransitions(context.Background(), e.Pool())
		if err != nil {
			e.t.Fatal(err)
		}

		found = append(found, more...)
	}

	for _, what := range found {
		e.t.Errorf("an invariant is violated: %s", what)
	}
}
