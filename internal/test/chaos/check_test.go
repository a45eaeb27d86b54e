package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/fixtures"
)

// verdict holds what the database shows at the end of a run.
type verdict struct {
	lost     []string // acknowledged jobs that are gone or have not ended
	wrong    []string // jobs with an unexpected outcome
	broken   []string // invariant violations and forbidden transitions
	spared   int      // jobs that may fail, as a task reached the limit of losses
	tasks    int
	attempts int // lost with their process
	again    int // lost attempts that were followed by another
	starts   int // logged by handlers
	settled  time.Duration
}

// settleWithin is the time after the last fault within which every job must
// end. Locks of the transport expire after a minute.
const settleWithin = 4 * time.Minute

// settle waits until no job is open.
func (c *cluster) settle() (took time.Duration) {
	begin := time.Now()
	for time.Since(begin) < settleWithin {
		var open int

		err := c.pool.QueryRow(context.Background(), `select count(*) from jobs where finished_at is null`).
			Scan(&open)
		if err == nil && open == 0 {
			break
		}

		pause(200 * time.Millisecond)
	}

	return time.Since(begin)
}

func (c *cluster) check(l *load) (v verdict, err error) {
	ctx := context.Background()
	for id, want := range l.jobs {
		if err := c.checkJob(ctx, id, want, &v); err != nil {
			return v, err
		}
	}

	for _, check := range []func() ([]string, error){
		func() ([]string, error) { return enginetest.InvariantViolations(ctx, c.pool) },
		func() ([]string, error) { return enginetest.IllegalTransitions(ctx, c.pool) },
		func() ([]string, error) { return c.checkFinally(ctx) },
	} {
		found, err := check()
		if err != nil {
			return v, err
		}

		v.broken = append(v.broken, found...)
	}

	tokens, starts, err := c.checkTokens(ctx)
	if err != nil {
		return v, err
	}

	v.wrong, v.starts = append(v.wrong, tokens...), starts
	err = c.pool.QueryRow(ctx, `
		select (select count(*) from tasks), count(*), count(*) filter (where exists (
			select from tasks t
			where (t.job_id, t.stage, t.gen, t.index) = (a.job_id, a.stage, a.gen, a.index) and t.attempt > a.attempt))
		from attempts a where outcome = 'lost'`).Scan(&v.tasks, &v.attempts, &v.again)

	return v, err
}

func (c *cluster) checkJob(ctx context.Context, id state.JobID, want *expected, v *verdict) error {
	var (
		status    state.JobStatus
		lossLimit bool
	)

	err := c.pool.QueryRow(ctx, `
		select status, coalesce(error->>'code' = 'worker_lost', false) or exists (
			select from tasks t where t.job_id = j.job_id and t.status = 'failed' and t.losses >= $2)
		from jobs j where job_id = $1`, id[:], state.MaxLosses).Scan(&status, &lossLimit)

	name := fmt.Sprintf("%s %s %s", id.Short(), want.jobType, want.body)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		v.lost = append(v.lost, name+" does not exist")
		return nil
	case err != nil:
		return err
	case !status.Ended():
		v.lost = append(v.lost, fmt.Sprintf("%s is %s", name, status))
		return nil
	case status == state.JobCancelled && want.cancelled:
		return nil
	case lossLimit:
		v.spared++
		if status != state.JobFailed && status != state.JobCompletedWithErrors {
			v.wrong = append(v.wrong, fmt.Sprintf("%s is %s with a task that failed permanently", name, status))
		}

		return nil
	}

	end := want.status
	if end == "" {
		end = state.JobCompleted
	}

	if status != end {
		v.wrong = append(v.wrong, fmt.Sprintf("%s is %s, want %s", name, status, end))
		return nil
	}

	if want.stage == "" {
		return nil
	}

	var result []byte

	err = c.pool.QueryRow(ctx, `
		select t.result from tasks t join stages s using (job_id, stage, gen)
		where job_id = $1 and s.name = $2`, id[:], want.stage).Scan(&result)
	if err != nil {
		return err
	}

	var got fixtures.NumberOut
	if err := json.Unmarshal(result, &got); err != nil || got != want.want {
		v.wrong = append(
			v.wrong,
			fmt.Sprintf("%s has the result %s, want %+v", name, result, want.want),
		)
	}

	return nil
}
