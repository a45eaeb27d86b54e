package view

import (
	"strconv"
	"strings"
	"time"

	"coremachine/internal/state"
)

// Facts about records. Each has one function here, which all pages, the API and
// corectl use, so that no two of them contradict each other.

// Done returns the number of tasks that ran to an end. Cancelled tasks did not.
func (c *TaskCounts) Done() int { return c.Completed + c.Failed }

// Ended returns the number of tasks that can change only by a retry.
func (c *TaskCounts) Ended() int { return c.Done() + c.Cancelled }

// ShownCompletedWithErrors is the shown status of a completed stage some of
// whose tasks failed.
const ShownCompletedWithErrors = "completed_with_errors"

// ShownStage returns the status of a stage as people read it. A stage whose
// tolerance admits its failures is completed, but with errors.
func ShownStage(status state.StageStatus, failed int) string {
	if status == state.StageCompleted && failed > 0 {
		return ShownCompletedWithErrors
	}

	return string(status)
}

// Shown returns the status as people read it, see ShownStage.
func (s *StageView) Shown() string { return ShownStage(s.Status, s.Tasks.Failed) }

// Shown returns the status as people read it, including the direction in which
// it is about to change.
func (j *JobSummary) Shown(now time.Time) string {
	switch {
	case j.Status.Ended():
		return string(j.Status)
	case j.Finalizing:
		return "finalizing"
	case j.Error != nil:
		return "failing"
	case j.CancelRequestedAt != nil:
		return "cancelling"
	case j.Delayed(now):
		return "delayed"
	}

	return string(j.Status)
}

// Tries returns how many tries of a task have begun, of the maximum that its
// type declares. Deliveries that ran nothing and lost workers raise the fence of
// a task, but are not tries.
func (t *TaskSummary) Tries() int {
	switch t.Status {
	case state.TaskRunning, state.TaskCompleted:
		return t.Failures + 1
	case state.TaskFailed:
		return max(t.Failures, 1)
	case state.TaskQueued, state.TaskCancelled:
	}

	return t.Failures
}

// Try returns the number of the try that runs, comes next, or was the last.
func (t *TaskSummary) Try() int {
	if t.Status == state.TaskFailed {
		return t.Tries()
	}

	return t.Failures + 1
}

// TryNumbers returns the number of the try that each entry of Attempts belongs
// to. An attempt whose worker was lost, or that was interrupted, is not a failure,
// so the next attempt belongs to the same try.
func (t *TaskView) TryNumbers() []int {
	numbers := make([]int, len(t.Attempts))
	failures := t.Failures

	for i, a := range t.Attempts { // newest first
		if !a.Outcome.CountsAsFailure() {
			numbers[i] = failures + 1
			continue
		}

		numbers[i] = max(failures, 1)
		failures--
	}

	return numbers
}

// TryOf returns the number of the try that an attempt belongs to. It returns 0 if
// the attempt is not known.
func (t *TaskView) TryOf(attempt int) int {
	for i, number := range t.TryNumbers() {
		if t.Attempts[i].Attempt == attempt {
			return number
		}
	}

	if attempt > 0 && attempt == t.Attempt {
		return t.Try()
	}

	return 0
}

// EmptyDeliveries returns how many deliveries of a task raised its fence but ran
// nothing, for example because the process ended first. If there are more
// attempts than a task shows, those before the oldest shown one do not count.
func (t *TaskView) EmptyDeliveries() int {
	ran, before := len(t.Attempts), 0

	if t.Status == state.TaskRunning || t.Status == state.TaskCompleted {
		ran++ // this attempt is not in the list
	}

	if len(t.Attempts) >= MaxAttempts {
		before = t.Attempts[len(t.Attempts)-1].Attempt - 1
	}

	return max(0, t.Attempt-before-ran)
}

// Shown returns the status as people read it, including the direction in which
// it is about to change.
func (t *TaskSummary) Shown() string {
	if t.Retrying() {
		return "retrying"
	}

	return string(t.Status)
}

// Shown returns the status as people read it. A task whose message is a dead
// letter does not run until the message is redriven.
func (t *TaskView) Shown() string {
	if t.Dead != "" {
		return "dead"
	}

	return t.TaskSummary.Shown()
}

// Retrying reports whether a task waits for its next try.
func (t *TaskSummary) Retrying() bool {
	return t.Status == state.TaskQueued && t.Failures+t.Losses > 0
}

// NoMessage stands for an error without a message.
const NoMessage = "(no message)"

// ErrorText returns the message of an error. If it is empty, ErrorText says so
// and names the code, or the outcome of the attempt.
func ErrorText[T ~string](message string, code T) string {
	switch {
	case strings.TrimSpace(message) != "":
		return message
	case code == "":
		return NoMessage
	}

	return NoMessage + " " + string(code)
}

// ErrorText returns the error of the last unsuccessful attempt, or "" if there
// was none.
func (t *TaskSummary) ErrorText() string {
	if t.Error == "" && t.Code == "" {
		return ""
	}

	return ErrorText(t.Error, t.Code)
}

// FormatShare formats a share from 0 to 1 in percent. It returns 100 % only if
// all is done.
func FormatShare(share float64) string {
	n := int(share * 100)
	if share < 1 {
		n = min(n, 99)
	}

	return strconv.Itoa(n) + " %"
}

// SettleEnd gives the attempt that ended the task the same end. The statement
// that records both reads the clock for each, so that the two differ by the time
// that the statement takes.
func (t *TaskView) SettleEnd() {
	for i := range t.Attempts {
		if a := &t.Attempts[i]; a.Final && a.Attempt == t.Attempt && t.FinishedAt != nil {
			a.EndedAt = *t.FinishedAt
		}
	}
}
