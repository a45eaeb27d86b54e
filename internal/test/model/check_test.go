package model

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// stored is a job as the database stores it.
type stored struct {
	id       state.JobID
	status   state.JobStatus
	attempt  int
	stopping bool
	marked   bool // marked for deletion
	failure  *state.Failure
	result   []byte
}

// check checks the invariants of the database and compares it with the
// reference.
func (w *world) check() {
	found, err := enginetest.InvariantViolations(context.Background(), w.pool)
	if err != nil {
		w.t.Fatal(err)
	}

	if len(found) > 0 {
		w.t.Fatalf("invariants are violated: %q", found)
	}

	w.checkCounters()

	rows, err := w.pool.Query(
		context.Background(),
		`select job_id, status, attempt, cancel_requested_at is not null, purge_started_at is not null,
		error, result from jobs`,
	)
	if err != nil {
		w.t.Fatal(err)
	}

	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s stored, err error) {
		var id []byte

		err = row.Scan(&id, &s.status, &s.attempt, &s.stopping, &s.marked, &s.failure, &s.result)
		copy(s.id[:], id)

		return s, err
	})
	if err != nil {
		w.t.Fatal(err)
	}

	existing := map[state.JobID]bool{}
	for _, s := range all {
		existing[s.id] = true
		w.compare(s)
	}

	w.compareDeleted(existing)
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.broken != "" {
		w.t.Fatal(w.broken)
	}
}

// compare compares a job with the reference. If the job has just ended,
// compareOutcome compares its outcome.
func (w *world) compare(s stored) {
	w.mu.Lock()
	defer w.mu.Unlock()

	j, known := w.jobs[s.id]
	switch {
	case !known:
		w.t.Fatalf("job %s was not submitted", s.id.Short())
	case s.attempt == j.attempt+1 && j.marked:
		w.t.Fatalf("job %s was started again after its deletion had begun", s.id.Short())
	case j.marked && !s.marked:
		w.t.Fatalf("the deletion of job %s had begun and was reverted", s.id.Short())
	case s.marked && !j.mayGo:
		w.t.Fatalf("job %s is being deleted without a request", s.id.Short())
	case s.attempt == j.attempt+1 && j.mayStart:
		j.mayGo = j.mayGo && s.marked
		j.attempt = s.attempt
		j.status = state.JobQueued
		j.healed = j.willHeal
		j.spec = j.willSpec
		j.cancelled = false
		j.stopped = false
	case s.attempt != j.attempt:
		w.t.Fatalf("job %s is at attempt %d, want %d", s.id.Short(), s.attempt, j.attempt)
	}

	j.mayStart, j.marked = false, s.marked
	if s.stopping && !j.cancelled && s.failure == nil {
		w.t.Fatalf("job %s is being stopped without a request", s.id.Short())
	}

	if j.status.Ended() && s.status != j.status {
		w.t.Fatalf("job %s ended %s and has changed to %s", s.id.Short(), j.status, s.status)
	}

	if s.status.Ended() && !j.status.Ended() {
		w.compareOutcome(s, j)
	}

	j.status = s.status
}

// compareDeleted checks that a job was only deleted on request, and that none
// of its rows remain.
func (w *world) compareDeleted(existing map[state.JobID]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()

	for id, j := range w.jobs {
		if existing[id] || j.attempt == 0 {
			continue
		}

		if !j.mayGo {
			w.t.Fatalf("job %s was deleted without a request", id.Short())
		}

		j.attempt, j.status = 0, state.JobQueued
		j.mayGo, j.marked, j.mayStart, j.cancelled, j.stopped = false, false, false, false, false

		var remaining int

		err := w.pool.QueryRow(context.Background(), `select (select count(*) from stages where job_id = $1)
			+ (select count(*) from tasks where job_id = $1) + (select count(*) from attempts where job_id = $1)
			+ (select count(*) from messages where job_id = $1) + (select count(*) from events where job_id = $1)
			+ (select count(*) from result_parts where job_id = $1)
			+ (select count(*) from task_logs where job_id = $1)`, id[:]).Scan(&remaining)
		if err != nil || remaining > 0 {
			w.t.Fatalf("%d rows of the deleted job %s remain; %v", remaining, id.Short(), err)
		}
	}
}

func (w *world) compareOutcome(s stored, j *job) {
	v := j.spec.predict(j.params, j.healed)
	if s.status == state.JobCancelled {
		if !j.cancelled {
			w.t.Fatalf("job %s was cancelled without a request", s.id.Short())
		}

		w.compareFinally(s, j, v)

		return
	}

	if w.hasLossLimit(s) { // a task fails at the limit of losses, independently of the reference
		return
	}

	if s.status != v.status {
		w.t.Fatalf(
			"job %s (%+v) ended %s (%+v), want %s",
			s.id.Short(),
			j.params,
			s.status,
			s.failure,
			v.status,
		)
	}

	if s.status == state.JobFailed {
		w.compareFinally(s, j, v)
		return
	}

	if j.spec.result {
		var out output
		if err := json.Unmarshal(s.result, &out); err != nil || out.Value != v.result {
			w.t.Fatalf("job %s has the result %s, want %d", s.id.Short(), s.result, v.result)
		}
	}

	for i := range v.stages {
		w.compareStage(s, j, i, v.stages[i])
	}
}

// compareFinally compares the finally stages of a job that failed or was
// cancelled. They run unless the job was cancelled before it ran.
func (w *world) compareFinally(s stored, j *job, v verdict) {
	if w.hasLossLimit(s) {
		return
	}

	first := j.spec.last() + 1
	if first == len(v.stages) {
		return
	}

	skipped := true

	for i := first; i < len(v.stages); i++ {
		status, _ := w.stage(s.id, i)
		skipped = skipped && status == state.StageSkipped
	}

	if skipped && s.status == state.JobCancelled {
		return
	}

	for i := first; i < len(v.stages); i++ {
		w.compareStage(s, j, i, v.stages[i])
	}
}

func (w *world) compareStage(s stored, j *job, stage int, want stageVerdict) {
	status, tasks := w.stage(s.id, stage)
	if status != want.status || !slices.Equal(tasks, want.tasks) {
		w.t.Fatalf("stage %d of job %s (%+v) is %s\n%v, want %s\n%v",
			stage, s.id.Short(), j.params, status, tasks, want.status, want.tasks)
	}
}

func (w *world) hasLossLimit(s stored) bool {
	var n int

	err := w.pool.QueryRow(context.Background(),
		`select count(*) from tasks where job_id = $1 and losses >= $2`, s.id[:], state.MaxLosses).
		Scan(&n)
	if err != nil {
		w.t.Fatal(err)
	}

	return n > 0 || s.failure != nil && s.failure.Code == state.CodeWorkerLost
}

func (w *world) stage(id state.JobID, stage int) (status state.StageStatus, tasks []taskVerdict) {
	ctx := context.Background()
	if err := w.pool.QueryRow(ctx, `select status from stages where job_id = $1 and stage = $2`, id[:], stage).
		Scan(&status); err != nil {
		w.t.Fatal(err)
	}

	rows, err := w.pool.Query(
		ctx,
		`select t.status, coalesce(convert_from(t.result, 'UTF8'), '{}')
		from tasks t join stages s using (job_id, stage, gen)
		where job_id = $1 and stage = $2 order by index`,
		id[:],
		stage,
	)
	if err != nil {
		w.t.Fatal(err)
	}

	var (
		text string
		task taskVerdict
	)
	if _, err := pgx.ForEachRow(rows, []any{&task.status, &text}, func() error {
		var out output
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			return err
		}

		tasks = append(tasks, taskVerdict{task.status, out.Value})

		return nil
	}); err != nil {
		w.t.Fatal(err)
	}

	return status, tasks
}
