package repo

import (
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// taskDuration returns how long a task of a type usually takes. If this process
// does not know, taskDuration returns 0.
func (t tx) taskDuration(taskType string) time.Duration {
	if t.local.TaskDuration == nil {
		return 0
	}

	return t.local.TaskDuration(taskType)
}

// reserveLocal reserves slots of this process for messages of a stage, as far as
// the process has room. It returns the number of messages that the transaction
// claims for the process, and whether the stage has no other message.
func (t tx) reserveLocal(total, bundle int, taskType string) (n int, all bool) {
	limit, room := state.LocalShare(total, bundle, t.taskDuration(taskType))
	for n < limit && t.local.Room >= room && t.local.Reserve() {
		t.local.Room -= room
		n++
	}

	return n, n*bundle >= total
}

// claimedLocally reads the messages that a statement wrote and claimed.
func claimedLocally(effects *state.TransitionEffects) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		held, err := pgx.CollectRows(rows, scanHeld)
		effects.Taken = append(effects.Taken, held...)

		return err
	}
}
