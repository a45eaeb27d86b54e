package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Edges returns plain lines about the changes between two answers about one
// job. Each line has a timestamp. The lines are in chronological order as far
// as the answers show it. before is nil for the first answer.
func Edges(before *view.JobView, after view.JobView, now time.Time) []string {
	var lines []string

	add := func(at time.Time, format string, args ...any) {
		lines = append(lines, Stamp(after.JobID, at)+fmt.Sprintf(format, args...))
	}
	was := map[int]state.StageStatus{}

	var status state.JobStatus
	if before != nil {
		status = before.Status
		for _, stage := range before.Stages {
			was[stage.Stage] = stage.Status
		}
	}

	if after.Status != status && !after.Status.Ended() {
		add(now, "job %s", after.Status)
	}

	for _, stage := range after.Stages {
		switch {
		case stage.Status == was[stage.Stage] || stage.Status == state.StageWaiting:
		case !stage.Status.Ended():
			add(timeOr(stage.StartedAt, now), "stage=%s %s", clean(stage.Name), stage.Status)
		default:
			add(
				timeOr(stage.FinishedAt, now),
				"stage=%s %s tasks=%d failed=%d took=%s",
				clean(stage.Name),
				stage.Status,
				stage.Tasks.Total,
				stage.Tasks.Failed,
				seconds(stage.StartedAt, stage.FinishedAt),
			)
		}
	}

	if after.Status != status && after.Status.Ended() {
		add(timeOr(after.FinishedAt, now), "job %s tasks=%d failed=%d took=%s",
			after.Status, after.Tasks.Total, after.Tasks.Failed, seconds(after.StartedAt, after.FinishedAt))

		if after.Error != nil {
			lines[len(lines)-1] += " " + strconv.Quote(Style{}.failure(after.Error))
		}
	}

	return lines
}

// Pulse returns the line of a stage that still runs and has not changed.
func Pulse(job view.JobView, stage view.StageView, rate float64, now time.Time) string {
	line := Stamp(job.JobID, now) + fmt.Sprintf("stage=%s running done=%d total=%s failed=%d",
		clean(stage.Name), Ended(stage.Tasks), plainTotal(stage), stage.Tasks.Failed)
	if text := Rate(rate); text != "" {
		line += " rate=" + text
	}

	return line
}

// FirstFailure returns the line about a stage's first failed task.
func FirstFailure(job view.JobView, task view.TaskSummary, now time.Time) string {
	return Stamp(job.JobID, timeOr(task.FinishedAt, now)) + fmt.Sprintf("stage=%s first failure task=%d %s",
		clean(task.Stage), task.Index, strconv.Quote(clean(task.Error)))
}

// Stamp returns the beginning of a plain line: the time in UTC, in seconds, and
// the job.
func Stamp(id state.JobID, at time.Time) string {
	return at.UTC().Format(time.RFC3339) + " " + Short(id) + " "
}

// Clock shortens the timestamp of a plain line to the time of day.
func Clock(line string) string {
	at, rest, _ := strings.Cut(line, " ")

	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return line
	}

	return t.Format(time.TimeOnly) + " " + rest
}

func plainTotal(stage view.StageView) string {
	if stage.Planned {
		return strconv.Itoa(stage.Tasks.Total)
	}

	return "?"
}

func seconds(from, to *time.Time) string {
	if from == nil || to == nil {
		return "0s"
	}

	return fmt.Sprintf("%.1fs", to.Sub(*from).Seconds())
}

func timeOr(t *time.Time, other time.Time) time.Time {
	if t == nil {
		return other
	}

	return *t
}
