package view_test

import (
	"testing"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

func TestFormatDuration(t *testing.T) {
	t.Parallel()

	for d, want := range map[time.Duration]string{
		-time.Second: "0 ms", 41 * time.Millisecond: "41 ms", 900 * time.Millisecond: "900 ms",
		4290 * time.Millisecond: "4.2 s", 59990 * time.Millisecond: "59.9 s", 247 * time.Second: "4 m 07 s",
		192 * time.Minute: "3 h 12 m", 53 * time.Hour: "2 d 5 h",
	} {
		if got := view.FormatDuration(d); got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
}

var start = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

func after(seconds int) *time.Time {
	t := start.Add(time.Duration(seconds) * time.Second)
	return &t
}

func text(d *time.Duration) string {
	if d == nil {
		return "none"
	}

	return d.String()
}

func TestStageIsDividedIntoWaitingAndRunning(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		stage       view.StageView
		waited, ran string
	}{
		"not ready": {view.StageView{}, "none", "none"},
		"ready":     {view.StageView{StartedAt: after(0)}, "10s", "none"},
		"claimed":   {view.StageView{StartedAt: after(0), FirstClaimedAt: after(3)}, "3s", "7s"},
		"ended": {
			view.StageView{StartedAt: after(0), FirstClaimedAt: after(3), FinishedAt: after(5)}, "3s", "2s",
		},
		"never ran": {view.StageView{StartedAt: after(0), FinishedAt: after(5)}, "5s", "none"},
		"early claim": {
			view.StageView{StartedAt: after(2), FirstClaimedAt: after(1), FinishedAt: after(5)}, "0s", "3s",
		},
		"late claim": {
			view.StageView{StartedAt: after(0), FirstClaimedAt: after(6), FinishedAt: after(5)}, "5s", "0s",
		},
		"older build": {
			view.StageView{StartedAt: after(0), FinishedAt: after(5), Tasks: view.TaskCounts{Total: 1, Completed: 1}},
			"0s", "5s",
		},
	} {
		now := *after(10)
		if got := text(c.stage.Waited(now)); got != c.waited {
			t.Errorf("%s: waited %s, want %s", name, got, c.waited)
		}

		if got := text(c.stage.Ran(now)); got != c.ran {
			t.Errorf("%s: ran %s, want %s", name, got, c.ran)
		}
	}
}

func TestJobIsReadyWhenItCanStart(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		job         view.JobSummary
		waited, ran string
	}{
		"queued":  {view.JobSummary{Attempt: 1, CreatedAt: start}, "10s", "none"},
		"running": {view.JobSummary{Attempt: 1, CreatedAt: start, StartedAt: after(4)}, "4s", "6s"},
		"due later": {
			view.JobSummary{Attempt: 1, CreatedAt: start, StartAt: after(3), StartedAt: after(4), FinishedAt: after(9)},
			"1s", "5s",
		},
		"retried": {
			view.JobSummary{Attempt: 2, CreatedAt: start, LastSubmittedAt: *after(5), StartedAt: after(6)}, "1s", "4s",
		},
		"submitted again while it ran": {
			view.JobSummary{Attempt: 2, CreatedAt: start, LastSubmittedAt: *after(8), StartedAt: after(6)},
			"none", "4s",
		},
		"cancelled before it started": {
			view.JobSummary{Attempt: 1, CreatedAt: start, FinishedAt: after(2)}, "2s", "none",
		},
	} {
		now := *after(10)
		if got := text(c.job.Waited(now)); got != c.waited {
			t.Errorf("%s: waited %s, want %s", name, got, c.waited)
		}

		if got := text(c.job.Ran(now)); got != c.ran {
			t.Errorf("%s: ran %s, want %s", name, got, c.ran)
		}
	}
}

func TestTries(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		task view.TaskSummary
		want int
	}{
		"never tried":         {view.TaskSummary{Status: state.TaskQueued}, 0},
		"waits for a retry":   {view.TaskSummary{Status: state.TaskQueued, Attempt: 42, Failures: 2}, 2},
		"runs again":          {view.TaskSummary{Status: state.TaskRunning, Attempt: 42, Failures: 2}, 3},
		"completed":           {view.TaskSummary{Status: state.TaskCompleted, Attempt: 42}, 1},
		"failed":              {view.TaskSummary{Status: state.TaskFailed, Attempt: 42, Failures: 12}, 12},
		"failed with workers": {view.TaskSummary{Status: state.TaskFailed, Attempt: 5, Losses: 5}, 1},
		"cancelled":           {view.TaskSummary{Status: state.TaskCancelled, Attempt: 3, Failures: 1}, 1},
	} {
		if got := c.task.Tries(); got != c.want {
			t.Errorf("%s: %d tries, want %d", name, got, c.want)
		}
	}
}
