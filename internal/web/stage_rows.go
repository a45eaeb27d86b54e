package web

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// stageRow is a stage as the graph and the table show it.
type stageRow struct {
	view.StageView

	URL    string
	Rate   *float64 // tasks per second; nil if the stage does not run or the rate is not known
	Waited string   // empty: it was not ready
	Ran    string   // empty: nothing was claimed
	Past   bool     // it ended in an earlier run of the job
	Bar    []slice
	Times  *spread // nil if not measured
}

// spread describes how long tasks take.
type spread struct{ P50, P95 time.Duration }

func (s *Server) stageRows(job view.JobView, now time.Time) []stageRow {
	rows := make([]stageRow, len(job.Stages))
	for i, v := range job.Stages {
		row := stageRow{
			StageView: v,
			Waited:    duration(v.Waited(now)),
			Ran:       duration(v.Ran(now)),
			Past:      v.FromEarlierRun(&job.JobSummary),
			Bar:       stack(v.Tasks, 120),
			URL:       join(s.Prefix+"/ui", []any{"jobs", job.JobID, "stages", v.Name}),
		}

		if v.Status == state.StageRunning {
			row.Rate = v.Rate(now)

			rate, known := s.rates.see(fmt.Sprintf("%s/%d/%d", job.JobID, v.Stage, v.Gen), now, v.Tasks.Done())
			if known {
				row.Rate = &rate
			}
		}

		rows[i] = row
	}

	return rows
}

// measure adds how long tasks take. While a job runs, the times are read every
// few seconds. A stage without data has none.
func (s *Server) measure(ctx context.Context, job view.JobView, rows []stageRow) error {
	key, keep := job.JobID.String(), 5*time.Second
	if job.Status.Ended() {
		key, keep = key+job.Version, time.Hour
	}

	times, err := s.times.get(ctx, key, keep, func(ctx context.Context) (map[string]spread, error) {
		list, err := s.Reader.ReadTimes(ctx, job.JobID)

		all := map[string]spread{}
		for _, t := range list {
			all[t.Stage] = spread{P50: seconds(t.P50), P95: seconds(t.P95)}
		}

		return all, err
	})
	for i := range rows {
		if t, ok := times[rows[i].Name]; ok {
			rows[i].Times = &t
		}
	}

	return err
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// note describes the outcome of a stage in a few words.
func (r stageRow) note() string {
	switch {
	case r.Tasks.Failed > 0:
		return num(r.Tasks.Failed) + " failed"
	case r.Tasks.Cancelled > 0:
		return num(r.Tasks.Cancelled) + " cancelled"
	case r.Status == state.StageRunning && !r.Planned:
		return "planning"
	case r.Status == state.StageRunning && r.Rate != nil:
		return rate(*r.Rate) + " /s"
	case r.Status == state.StageCompleted && r.Ran != "":
		return r.Ran
	}

	return word(r.Shown())
}

// count returns how many of the tasks are done, as far as that is known.
func (r stageRow) count() string {
	switch {
	case r.Planned || r.Tasks.Total > 0:
		return num(r.Tasks.Done()) + " / " + num(r.Tasks.Total)
	case r.Expected != nil:
		return num(*r.Expected) + " expected"
	}

	return "not planned"
}

// Count makes count available to templates.
func (r stageRow) Count() string { return r.count() }

// look returns the class and the shape of a stage: those of its status, or of a
// failure in a stage that has not ended.
func (r stageRow) look() (class, shape string) {
	status := r.Shown()
	if !r.Status.Ended() && r.Tasks.Failed > 0 {
		status = "failed"
	}

	return looks[status].class, looks[status].shape
}

func escapeQuery(s string) string { return url.QueryEscape(s) }
