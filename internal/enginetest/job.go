package enginetest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Job is a run as it stands.
type Job struct {
	ID      state.JobID
	Status  state.JobStatus
	Attempt int
	Error   *state.Failure
	Result  json.RawMessage
	Stages  []Stage
}

// Stage is a stage as it stands.
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
	rows, err := e.Pool().Query(ctx, `select stage, name, gen, status, coalesce(total, -1), planned, dispatched, completed, failed, cancelled
		from stages where job_id = $1 order by stage`, id[:])
	if err != nil {
		e.t.Fatal(err)
	}
	if j.Stages, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Stage]); err != nil {
		e.t.Fatal(err)
	}
	return j
}

// MustBe fails the test when the job has another status.
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

// MustHave fails the test when the stage has not ended with so many completed and failed tasks.
func (s Stage) MustHave(t testing.TB, completed, failed int) Stage {
	t.Helper()
	if !s.Status.Ended() || s.Completed != completed || s.Failed != failed {
		t.Fatalf("stage %s is %s with %d completed and %d failed of %d, want %d and %d", s.Name, s.Status, s.Completed, s.Failed, s.Total, completed, failed)
	}
	return s
}

// Results returns the results of a stage by index; a task that did not complete has none.
func (e *Engine) Results(id state.JobID, stage string) map[int]json.RawMessage {
	e.t.Helper()
	out := map[int]json.RawMessage{}
	for r, err := range e.procs[0].Repo.Results(context.Background(), id, stage) {
		if err != nil {
			e.t.Fatal(err)
		}
		if r.Part < 0 {
			out[r.Index] = json.RawMessage(r.Data)
		}
	}
	return out
}

// MustBalance checks the books of every job in the schema: each task that has not ended is covered by exactly one message, the
// counters are what the rows say, and nothing is left of jobs that have ended.
func (e *Engine) MustBalance() {
	e.t.Helper()
	for what, sql := range balance {
		var n int
		if err := e.Pool().QueryRow(context.Background(), sql).Scan(&n); err != nil {
			e.t.Fatalf("%s: %v", what, err)
		}
		if n > 0 {
			e.t.Errorf("the books do not balance: %s: %d", what, n)
		}
	}
}

var balance = map[string]string{
	"messages of jobs that have ended": `select count(*) from messages m join jobs j using (job_id) where j.finished_at is not null`,
	"stages whose counters differ from their tasks": `
		select count(*) from stages s cross join lateral (
			select count(*) filter (where t.status = 'completed') as completed, count(*) filter (where t.status = 'failed') as failed,
			       count(*) filter (where t.status = 'cancelled') as cancelled
			from tasks t where t.job_id = s.job_id and t.stage = s.stage and t.gen = s.gen) t
		where (s.completed, s.failed, s.cancelled) is distinct from (t.completed, t.failed, t.cancelled)`,
	"open tasks that are dispatched and not covered by exactly one message": `
		select count(*) from tasks t join stages s using (job_id, stage, gen)
		where t.status = 'queued' and t.index < s.dispatched and (
			select count(*) from messages m where m.job_id = t.job_id and m.stage = t.stage and m.gen = t.gen and m.kind = 2
			  and t.index >= m.first and t.index < m.first + m.count and (m.count = 1 or t.failures = 0)) <> 1`,
	"messages whose open tasks differ from tasks_left": `
		select count(*) from messages m where m.kind = 2 and m.tasks_left <> (
			select count(*) from tasks t where t.job_id = m.job_id and t.stage = m.stage and t.gen = m.gen and t.status = 'queued'
			  and t.index >= m.first and t.index < m.first + m.count and (m.count = 1 or t.failures = 0))`,
	"jobs whose stages_left differs from their open stages": `
		select count(*) from jobs j where j.cancel_requested_at is null and j.stages_left <> (
			select count(*) from stages s where s.job_id = j.job_id and s.finished_at is null)`,
	"waiting stages whose deps_left differs from their open dependencies": `
		select count(*) from stages s where s.status = 'waiting' and s.deps_left <> (
			select count(*) from stages d where d.job_id = s.job_id and d.stage = any (s.depends_on) and d.finished_at is null)`,
}
