package view_test

import (
	"slices"
	"testing"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// attempts returns attempts, newest first, each with its fence number.
func attempts(outcomes map[int]state.Outcome) []view.AttemptView {
	var all []view.AttemptView

	for fence, outcome := range outcomes {
		all = append(all, view.AttemptView{Attempt: fence, Outcome: outcome})
	}

	slices.SortFunc(all, func(a, b view.AttemptView) int { return b.Attempt - a.Attempt })

	return all
}

func TestTriesAreNumberedByFailures(t *testing.T) {
	t.Parallel()

	task := view.TaskView{
		TaskSummary: view.TaskSummary{Status: state.TaskRunning, Attempt: 42, Failures: 2, Losses: 1},
		Attempts: attempts(map[int]state.Outcome{
			3: state.OutcomeError, 17: state.OutcomeLost, 40: state.OutcomeTimeout,
		}),
	}
	if got, want := task.TryNumbers(), []int{2, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("the attempts belong to the tries %v, want %v", got, want)
	}

	for fence, want := range map[int]int{3: 1, 17: 2, 40: 2, 42: 3, 41: 0, 0: 0} {
		if got := task.TryOf(fence); got != want {
			t.Errorf("attempt %d belongs to try %d, want %d", fence, got, want)
		}
	}

	if got := task.EmptyDeliveries(); got != 38 {
		t.Errorf("%d deliveries ran nothing, want 38", got)
	}
}

func TestDeliveriesBeforeTheOldestShownAttemptDoNotCount(t *testing.T) {
	t.Parallel()

	task := view.TaskView{TaskSummary: view.TaskSummary{Status: state.TaskFailed, Attempt: 500, Failures: 250}}
	for fence := 500; len(task.Attempts) < view.MaxAttempts; fence -= 2 {
		task.Attempts = append(task.Attempts, view.AttemptView{Attempt: fence, Outcome: state.OutcomeError})
	}

	if got := task.EmptyDeliveries(); got != 99 {
		t.Errorf("%d deliveries ran nothing, want 99", got)
	}

	if got := task.TryOf(500); got != 250 {
		t.Errorf("the last attempt belongs to try %d, want 250", got)
	}

	if got := (&view.TaskView{}).EmptyDeliveries(); got != 0 {
		t.Errorf("%d deliveries of a task without attempts ran nothing", got)
	}
}

// TestLastAttemptEndsWithItsTask has two records of one end, whose statement read
// the clock for each of them.
func TestLastAttemptEndsWithItsTask(t *testing.T) {
	t.Parallel()

	begun := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	ended := begun.Add(296 * time.Millisecond)
	later := begun.Add(387 * time.Millisecond)
	earlier := begun.Add(-time.Second)

	task := view.TaskView{
		TaskSummary: view.TaskSummary{Status: state.TaskFailed, Attempt: 2, StartedAt: &begun, FinishedAt: &ended},
		Attempts: []view.AttemptView{
			{Attempt: 2, Final: true, StartedAt: &begun, EndedAt: later}, {Attempt: 1, EndedAt: earlier},
		},
	}
	task.SettleEnd()

	if got := task.Attempts[0].EndedAt; !got.Equal(ended) {
		t.Errorf("the last attempt ended at %s, want %s, when its task ended", got, ended)
	}

	if got := task.Attempts[1].EndedAt; !got.Equal(earlier) {
		t.Errorf("an earlier attempt ended at %s, want %s", got, earlier)
	}
}
