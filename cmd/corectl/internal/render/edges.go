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
			add(timeOr(stage.StartedAt, now), "stage=%s %s", clean(stage.Name), stage.Shown())
		default:
			add(
				timeOr(stage.FinishedAt, now),
				"stage=%s %s tasks=%d failed=%d%s waited=%s ran=%s",
				clean(stage.Name),
				stage.Shown(),
				stage.Tasks.Total,
				stage.Tasks.Failed,
				cancelledField(&stage.Tasks),
				seconds(stage.Waited(now)),
				seconds(stage.Ran(now)),
			)
		}
	}

	if after.Status != status && after.Status.Ended() {
		add(timeOr(after.FinishedAt, now), "job %s tasks=%d failed=%d%s waited=%s ran=%s",
			after.Status, after.Tasks.Total, after.Tasks.Failed, cancelledField(&after.Tasks),
			seconds(after.Waited(now)), seconds(after.Ran(now)))

		if after.Error != nil {
			lines[len(lines)-1] += " " + strconv.Quote(Style{}.failure(after.Error))
		}
	}

	return lines
}

// Pulse returns the line of a stage that still runs and has not changed.
func Pulse(job view.JobView, stage view.StageView, rate float64, now time.Time) string {
	line := Stamp(job.JobID, now) + fmt.Sprintf("stage=%s running done=%d total=%s failed=%d",
		clean(stage.Name), stage.Tasks.Done(), plainTotal(stage), stage.Tasks.Failed)
	if text := Rate(rate); text != "" {
		line += " rate=" + text
	}

	return line
}

// FirstFailure returns the line about a stage's first failed task.
func FirstFailure(job view.JobView, task view.TaskSummary, now time.Time) string {
	return Stamp(job.JobID, timeOr(task.FinishedAt, now)) + fmt.Sprintf("stage=%s first failure task=%d %s",
		clean(task.Stage), task.Index, strconv.Quote(clean(task.ErrorText())))
}

// Stamp returns the beginning of a plain line: the time in UTC, in seconds, and
// the job.
func Stamp(id state.JobID, at time.Time) string {
	return at.UTC().Format(time.RFC3339) + " " + Short(id) + " "
}

// Clock replaces the timestamp of a plain line by the time of day and its zone,
// for people who watch.
func (s Style) Clock(line string) string {
	at, rest, _ := strings.Cut(line, " ")

	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return line
	}

	return s.local(t).Format("15:04:05 MST") + " " + rest
}

func plainTotal(stage view.StageView) string {
	if stage.Planned {
		return strconv.Itoa(stage.Tasks.Total)
	}

	return "?"
}

func cancelledField(c *view.TaskCounts) string {
	if c.Cancelled == 0 {
		return ""
	}

	return " cancelled=" + strconv.Itoa(c.Cancelled)
}

// seconds formats a duration of a plain line. Like view.FormatDuration, it cuts
// and does not round.
func seconds(d *time.Duration) string {
	if d == nil {
		return "0s"
	}

	return fmt.Sprintf("%.1fs", d.Truncate(100*time.Millisecond).Seconds())
}

func timeOr(t *time.Time, other time.Time) time.Time {
	if t == nil {
		return other
	}

	return *t
}
