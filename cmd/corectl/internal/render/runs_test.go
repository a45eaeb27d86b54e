package render

import (
	"testing"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// TestRunsAndComparison draws the runs of a job, and two jobs side by side.
func TestRunsAndComparison(t *testing.T) {
	t.Parallel()

	began, ended := now.Add(-time.Hour), now.Add(-50*time.Minute)
	runs := []view.RunView{
		{Attempt: 2, Cause: "retried", BeganAt: ended, Status: state.JobRunning, Current: true},
		{
			Attempt: 1, Cause: "created", BeganAt: began, EndedAt: &ended, Status: state.JobFailed,
			Stages: []view.RunStage{
				{Name: "scan", Status: state.StageCompleted, Tasks: 9, Completed: 8, Failed: 1},
				{Name: "measure", Status: state.StageFailed, Tasks: 9000, Completed: 8957, Failed: 43},
			},
		},
	}

	golden(t, "runs_80", Style{Width: 80}.Runs(runs, now))
	golden(t, "runs_40", Style{Width: 40}.Runs(runs, now))
	golden(t, "runs_tabbed", RunsTabbed(runs))

	secs := func(v float64) *float64 { return &v }
	c := view.Comparison{
		JobType: "tile_index",
		Left: view.ComparedJob{
			JobID: state.JobID{0x3f}, Status: state.JobCompleted, Attempt: 1, RanSeconds: secs(61),
		},
		Right: view.ComparedJob{
			JobID: state.JobID{0x9a}, Status: state.JobFailed, Attempt: 1, RanSeconds: secs(200),
		},
		Parameters: []view.ParameterDiff{{Path: "owner.name", Left: []byte(`"ann"`)}},
		Equal:      4,
		Stages: []view.StageDiff{{
			Name: "measure",
			Left: &view.StageSide{Status: state.StageCompleted, Tasks: 9000, RanSeconds: secs(60)},
		}},
		Failures: []view.FailureDiff{{Stage: "measure", Message: "no\x1b tile", Right: 43}},
	}

	golden(t, "comparison_80", Style{Width: 80, Color: true}.Comparison(c))
	golden(t, "comparison_40", Style{Width: 40}.Comparison(c))
	golden(t, "comparison_tabbed", ComparisonTabbed(c))
}
