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

// verdict is what the database says when everything is over.
type verdict struct {
	lost     []string // acknowledged and gone, or never ended
	wrong    []string // ended otherwise than it must
	books    []string // what does not balance, and what cannot have happened
	spared   int      // jobs with a task that lost five processes: they fail
	tasks    int
	attempts int // that were lost with their process
	again    int // of these, that were followed by another
	starts   int // that handlers wrote down
	settled  time.Duration
}

// settleWithin is how long after the last fault every job must have ended.
// Locks of the transport end after a minute.
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

func (c *cluster) judge(l *load) (v verdict, err error) {
	ctx := context.Background()
	for id, want := range l.jobs {
		if err := c.judgeJob(ctx, id, want, &v); err != nil {
			return v, err
		}
	}

	for _, look := range []func() ([]string, error){
		func() ([]string, error) { return enginetest.Unbalanced(ctx, c.pool) },
		func() ([]string, error) { return enginetest.Illegal(ctx, c.pool) },
	} {
		found, err := look()
		if err != nil {
			return v, err
		}

		v.books = append(v.books, found...)
	}

	tokens, starts, err := c.judgeTokens(ctx)
	if err != nil {
		return v, err
	}

	v.wrong, v.starts = append(v.wrong, tokens...), starts
	err = c.pool.QueryRow(ctx, `
		select (select count(*) from tasks), count(*), count(*) filter (where exists (
			select from tasks t where (t.job_id, t.stage, t.gen, t.index) = (a.job_id, a.stage, a.gen, a.index) and t.attempt > a.attempt))
		from attempts a where outcome = 'lost'`).Scan(&v.tasks, &v.attempts, &v.again)

	return v, err
}

func (c *cluster) judgeJob(ctx context.Context, id state.JobID, want *expected, v *verdict) error {
	var (
		status state.JobStatus
		worn   bool
	)

	err := c.pool.QueryRow(ctx, `select status, coalesce(error->>'code' = 'worker_lost', false)
		or exists (select from tasks t where t.job_id = j.job_id and t.status = 'failed' and t.losses >= $2) from jobs j where job_id = $1`, id[:], state.MaxLosses).Scan(&status, &worn)

	name := fmt.Sprintf("%s %s %s", id.Short(), want.jobType, want.body)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		v.lost = append(v.lost, name+" is not there")
		return nil
	case err != nil:
		return err
	case !status.Ended():
		v.lost = append(v.lost, fmt.Sprintf("%s is %s", name, status))
		return nil
	case status == state.JobCancelled && want.cancelled:
		return nil
	case worn:
		v.spared++
		if status != state.JobFailed && status != state.JobCompletedWithErrors {
			v.wrong = append(v.wrong, fmt.Sprintf("%s is %s with a task that failed for good", name, status))
		}

		return nil
	}

	end := want.status
	if end == "" {
		end = state.JobCompleted
	}

	if status != end {
		v.wrong = append(v.wrong, fmt.Sprintf("%s is %s, and must be %s", name, status, end))
		return nil
	}

	if want.stage == "" {
		return nil
	}

	var result []byte
	if err := c.pool.QueryRow(ctx, `select t.result from tasks t join stages s using (job_id, stage, gen) where job_id = $1 and s.name = $2`,
		id[:], want.stage).
		Scan(&result); err != nil {
		return err
	}

	var got fixtures.NumberOut
	if err := json.Unmarshal(result, &got); err != nil || got != want.want {
		v.wrong = append(
			v.wrong,
			fmt.Sprintf("%s has the result %s, and must have %+v", name, result, want.want),
		)
	}

	return nil
}
