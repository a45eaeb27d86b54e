package repo

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// ReadTrends reads a window of the trends. It ends with the last whole minute by
// the time of the database.
func (r *Repo) ReadTrends(ctx context.Context, f view.TrendFilter) (view.TrendsView, error) {
	const op = "repo.ReadTrends"

	var (
		until time.Time
		since *time.Time
	)

	if err := r.pool.QueryRow(ctx, statement("read_trend_period")).Scan(&until, &since); err != nil {
		return view.TrendsView{}, failure(op, err)
	}

	if since != nil {
		*since = since.UTC()
	}

	v := view.NewTrends(f, until.UTC(), since)
	if err := r.trendCounts(ctx, &v); err != nil {
		return view.TrendsView{}, failure(op, err)
	}

	if f.JobType == "" { // a message does not say which type it belongs to
		if err := r.trendQueues(ctx, &v); err != nil {
			return view.TrendsView{}, failure(op, err)
		}
	}

	if err := r.trendHours(ctx, &v); err != nil {
		return view.TrendsView{}, failure(op, err)
	}

	return v, nil
}

// trendColumns returns where the columns of a row of counts are read to.
func trendColumns(c *view.TrendCounts) []any {
	return []any{
		&c.JobsStarted, &c.JobsCompleted, &c.JobsWithErrors, &c.JobsFailed, &c.JobsCancelled,
		&c.TasksCompleted, &c.TasksFailed, &c.Retries,
	}
}

func (r *Repo) trendCounts(ctx context.Context, v *view.TrendsView) error {
	rows, err := r.pool.Query(ctx, statement("read_trends"), namedArgs{
		"from": v.From, "until": v.Until, "step": v.Step, "job_type": v.JobType,
	})
	if err != nil {
		return err
	}

	var (
		step    int
		jobType string
		counts  view.TrendCounts
	)

	into := append([]any{&step, &jobType}, trendColumns(&counts)...)
	_, err = pgx.ForEachRow(rows, into, func() error {
		v.Count(step, jobType, counts)
		return nil
	})

	v.SortTypes()

	return err
}

func (r *Repo) trendQueues(ctx context.Context, v *view.TrendsView) error {
	rows, err := r.pool.Query(ctx, statement("read_trend_queues"), namedArgs{
		"from": v.From, "until": v.Until, "step": v.Step,
	})
	if err != nil {
		return err
	}

	var (
		step  int
		queue state.Queue
		found view.TrendQueue
	)

	into := []any{&step, &queue, &found.Waiting, &found.Dead, &found.OldestSeconds}
	_, err = pgx.ForEachRow(rows, into, func() error {
		v.SetQueue(step, queue.String(), found)
		return nil
	})

	return err
}

// trendHours compares the last hour with the same hour of those days before of
// which it is recorded whole.
func (r *Repo) trendHours(ctx context.Context, v *view.TrendsView) error {
	rows, err := r.pool.Query(ctx, statement("read_trend_hours"), namedArgs{
		"until": v.Until, "days": view.UsualDays, "job_type": v.JobType,
	})
	if err != nil {
		return err
	}

	var (
		day    int
		hour   view.TrendHour
		last   view.TrendHour
		before []view.TrendHour
	)

	into := append([]any{&day}, trendColumns(&hour.TrendCounts)...)
	into = append(into, &hour.Waiting, &hour.Oldest)

	_, err = pgx.ForEachRow(rows, into, func() error {
		if v.JobType != "" {
			hour.Waiting, hour.Oldest = nil, nil
		}

		begin := v.Until.Add(-time.Duration(day*24+1) * time.Hour)

		switch {
		case day == 0:
			last = hour
		case v.Since != nil && !begin.Before(*v.Since):
			before = append(before, hour)
		}

		return nil
	})
	if err != nil {
		return err
	}

	v.Usual = view.Compare(last, before)

	return nil
}
