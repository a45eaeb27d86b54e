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
	URL   string
	Done  int
	Rate  *float64 // tasks per second; nil if the stage does not run or the rate is not known
	Took  string   // how long the stage ran, or has been running
	Bar   []slice
	Times *spread // nil if not measured
}

// spread describes how long tasks take.
type spread struct{ P50, P95 time.Duration }

func (s *Server) stageRows(job view.JobView, now time.Time) []stageRow {
	rows := make([]stageRow, len(job.Stages))
	for i, v := range job.Stages {
		row := stageRow{
			StageView: v,
			Done:      done(v.Tasks),
			Bar:       stack(v.Tasks, 120),
			URL:       join(s.Prefix+"/ui", []any{"jobs", job.JobID, "stages", v.Name}),
		}

		end := now
		if v.FinishedAt != nil {
			end = *v.FinishedAt
		}

		if v.StartedAt != nil {
			spent := end.Sub(*v.StartedAt)

			row.Took = took(spent)
			if v.Status == state.StageRunning {
				rate, known := s.rates.see(fmt.Sprintf("%s/%d/%d", job.JobID, v.Stage, v.Gen), now, row.Done)
				if !known && spent > 0 {
					rate = float64(row.Done) / spent.Seconds()
				}

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

// note describes the state of a stage in a few words.
func (r stageRow) note() string {
	switch {
	case r.Tasks.Failed > 0:
		return num(r.Tasks.Failed) + " failed"
	case r.Status == state.StageRunning && !r.Planned:
		return "planning"
	case r.Status == state.StageRunning && r.Rate != nil:
		return rate(*r.Rate) + " /s"
	case r.Status == state.StageCompleted:
		return r.Took
	}

	return word(r.Status)
}

// count returns how many of the tasks have ended, as far as that is known.
func (r stageRow) count() string {
	switch {
	case r.Planned || r.Tasks.Total > 0:
		return num(r.Done) + " / " + num(r.Tasks.Total)
	case r.Expected != nil:
		return num(*r.Expected) + " expected"
	}

	return "not planned"
}

// Count makes count available to templates.
func (r stageRow) Count() string { return r.count() }

// look returns the class and the shape of the worst outcome in a stage.
func (r stageRow) look() (class, shape string) {
	status := string(r.Status)
	if r.Tasks.Failed > 0 {
		status = "failed"
	}

	return looks[status].class, looks[status].shape
}

func escapeQuery(s string) string { return url.QueryEscape(s) }
