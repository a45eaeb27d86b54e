package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
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
	// Errors are the errors of the first tasks whose last attempt did not succeed,
	// as stage/index: message.
	Errors []string
}

// String describes the job for the message of a failed test.
func (j Job) String() string {
	var b strings.Builder

	fmt.Fprintf(&b, "job %s is %s", j.ID.Short(), j.Status)

	if j.Error != nil {
		fmt.Fprintf(&b, " (%s: %s)", j.Error.Code, j.Error.Message)
	}

	for _, s := range j.Stages {
		fmt.Fprintf(&b, "\n  stage %s is %s: %d completed, %d failed, %d cancelled of %d",
			s.Name, s.Status, s.Completed, s.Failed, s.Cancelled, s.Total)
	}

	for _, e := range j.Errors {
		b.WriteString("\n  " + e)
	}

	return b.String()
}

// Stage is the current state of a stage.
type Stage struct {
	Number                                                   int
	Name                                                     string
	Gen                                                      int
	Status                                                   state.StageStatus
	Total, Planned, Dispatched, Completed, Failed, Cancelled int

	job *Job // the job that it is a stage of
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

	j.Stages, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Stage, err error) {
		err = row.Scan(&s.Number, &s.Name, &s.Gen, &s.Status,
			&s.Total, &s.Planned, &s.Dispatched, &s.Completed, &s.Failed, &s.Cancelled)

		return s, err
	})
	if err != nil {
		e.t.Fatal(err)
	}

	if j.Status == state.JobFailed || j.Status == state.JobCompletedWithErrors {
		j.Errors = e.errors(id)
	}

	return j
}

// maxErrors is the maximum number of tasks whose errors a Job has.
const maxErrors = 5

// errors returns the errors of the first tasks that have one.
func (e *Engine) errors(id state.JobID) []string {
	e.t.Helper()

	rows, err := e.Pool().Query(context.Background(), `
		select s.name, t.index, t.attempt, t.error
		from stages s join tasks t on t.job_id = s.job_id and t.stage = s.stage and t.gen = s.gen
		where s.job_id = $1 and t.error is not null and t.status <> 'cancelled'
		order by t.stage, t.index
		limit $2`, id[:], maxErrors)
	if err != nil {
		e.t.Fatal(err)
	}

	errors, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var (
			stage, text    string
			index, attempt int
			f              state.Failure
		)

		err := row.Scan(&stage, &index, &attempt, &text)
		if json.Unmarshal([]byte(text), &f) == nil {
			text = fmt.Sprintf("%s (%s)", f.Message, f.Code)
		}

		return fmt.Sprintf("task %s/%d, attempt %d: %s", stage, index, attempt, text), err
	})
	if err != nil {
		e.t.Fatal(err)
	}

	return errors
}

// MustBe fails the test if the job has another status.
func (j Job) MustBe(t testing.TB, want state.JobStatus) Job {
	t.Helper()

	if j.Status != want {
		t.Fatalf("want %s, but %s", want, j)
	}

	return j
}

// Stage returns a stage by name.
func (j Job) Stage(t testing.TB, name string) Stage {
	t.Helper()

	for _, s := range j.Stages {
		if s.Name == name {
			s.job = &j
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
		t.Fatalf("want %d completed and %d failed in stage %s, but %s", completed, failed, s.Name, s.job)
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
