package chaos

import (
	"context"
	"fmt"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
)

// tidyParams select n tasks that wait, and whether one more fails then.
type tidyParams struct {
	N    int  `json:"n" default:"3" validate:"min=0,max=1000"`
	Fail bool `json:"fail" default:"false"`
	Seed int  `json:"seed" default:"0"`
}

// tidy is work -> last, and then the finally stages clean -> report, whose tasks
// wait so that killed processes have some in flight.
var tidy = define.Define(define.Definition[tidyParams]{
	Description: "A job with finally stages",
	Stages: []define.Stage[tidyParams]{
		{Name: "work", Tasks: define.Dynamic(fixtures.Sleep, "n", tidyWait)},
		{Name: "last", Tasks: define.Single(fixtures.Fail, func(p tidyParams) fixtures.FailIn {
			if p.Fail {
				return fixtures.FailIn{How: "permanent"}
			}

			return fixtures.FailIn{}
		})},
		{Name: "clean", Bundle: 1, Finally: true, Tasks: define.Dynamic(fixtures.Sleep, "n", tidyWait)},
		{Name: "report", Finally: true, Tasks: define.FanIn(fixtures.Sum, func(tidyParams) fixtures.SumIn {
			return fixtures.SumIn{Stages: []string{"clean"}}
		})},
	},
})

func tidyWait(_ tidyParams, index int) fixtures.SleepIn {
	return fixtures.SleepIn{Millis: 100 + 40*index}
}

// tidied is a job with finally stages. The result of the last one is checked,
// whether the job completes or fails.
func tidied(fails bool) func(i int) expected {
	return func(i int) expected {
		want := expected{
			jobType: "tidy", body: fmt.Sprintf(`{"n":8,"fail":%t,"seed":%d}`, fails, i),
			stage: "report", want: sumOf(8),
		}
		if fails {
			want.status = state.JobFailed
		}

		return want
	}
}

// checkFinally returns the jobs that ended before their finally stages had
// completed. If a job was cancelled before it ran, they were skipped.
func (c *cluster) checkFinally(ctx context.Context) ([]string, error) {
	var left int

	err := c.pool.QueryRow(ctx, `
		select count(*)
		from stages s
		join jobs j using (job_id)
		where s.finally
		  and s.status <> 'completed'
		  and not (s.status = 'skipped' and j.status = 'cancelled')`).Scan(&left)
	if err != nil || left == 0 {
		return nil, err
	}

	return []string{fmt.Sprintf("finally stages that did not complete: %d", left)}, nil
}
