package render

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

var update = flag.Bool("update", false, "update the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// golden compares lines with testdata/<name>.golden. Escapes are written as ^[
// so that the files are readable.
func golden(t *testing.T, name string, lines []string) {
	t.Helper()

	got := strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "\x1b", "^[")

	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

var now = time.Date(2026, 11, 23, 14, 2, 30, 0, time.UTC)

func before(d time.Duration) *time.Time {
	t := now.Add(-d)
	return &t
}

// tileIndex returns a running job: one stage has completed, two run, one has
// failures, and one waits.
func tileIndex() view.JobView {
	return view.JobView{
		JobSummary: view.JobSummary{
			JobID:      state.JobID{0x3f, 0x9a, 0x1c, 0x2e, 0x39},
			JobType:    "tile_index",
			Status:     state.JobRunning,
			Attempt:    1,
			Parameters: []byte(`{"n":10000}`),
			CreatedAt:  *before(22 * time.Second),
			StartedAt:  before(21 * time.Second),
			Tasks: view.TaskCounts{
				Total:     20002,
				Queued:    2815,
				Running:   260,
				Completed: 16885,
				Failed:    43,
			},
		},
		Stages: []view.StageView{
			{
				Name:    "scan",
				Kind:    state.Single,
				Status:  state.StageCompleted,
				Planned: true,
				Tasks: view.TaskCounts{
					Total:     1,
					Completed: 1,
				},
				StartedAt:  before(21 * time.Second),
				FinishedAt: before(18900 * time.Millisecond),
			},
			{
				Stage:   1,
				Name:    "measure",
				Kind:    state.FanOut,
				Status:  state.StageRunning,
				Planned: true,
				Tasks: view.TaskCounts{
					Total:     10000,
					Queued:    2617,
					Running:   260,
					Completed: 7080,
					Failed:    43,
				},
				StartedAt: before(19 * time.Second),
			},
			{
				Stage:   2,
				Name:    "thumbnails",
				Kind:    state.FanOut,
				Status:  state.StageRunning,
				Planned: true,
				Tasks: view.TaskCounts{
					Total:     10000,
					Queued:    196,
					Completed: 9804,
				},
				StartedAt: before(19 * time.Second),
			},
			{
				Stage:   3,
				Name:    "summarise",
				Kind:    state.FanIn,
				Status:  state.StageWaiting,
				Planned: true,
				Tasks:   view.TaskCounts{Total: 1},
			},
		},
		Errors: []view.ErrorGroup{
			{Stage: "measure", Message: "read tile: connection reset by peer", Count: 37},
			{Stage: "measure", Message: "checksum mismatch: want #, have #", Count: 6},
		},
	}
}

var rates = Rates{1: 412, 2: 398}

// ended returns the same job at its end.
func ended() view.JobView {
	job := tileIndex()
	job.Status, job.FinishedAt = state.JobCompletedWithErrors, before(-5400*time.Millisecond)

	job.Tasks = view.TaskCounts{Total: 20002, Completed: 19959, Failed: 43}
	for i := range job.Stages {
		job.Stages[i].Status = state.StageCompleted
		if job.Stages[i].FinishedAt == nil {
			job.Stages[i].FinishedAt = before(-5400 * time.Millisecond)
		}

		if job.Stages[i].StartedAt == nil {
			job.Stages[i].StartedAt = before(-5000 * time.Millisecond)
		}
	}

	return job
}
