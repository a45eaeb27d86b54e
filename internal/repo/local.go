package repo

import (
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// took returns how long a task of a type usually takes. If this process does
// not know, took returns 0.
func (t tx) took(taskType string) time.Duration {
	if t.local.Took == nil {
		return 0
	}

	return t.local.Took(taskType)
}

// take claims messages of a stage for this process, as far as it has room. It
// returns their number, and whether the stage has no other message.
func (t tx) take(total, bundle int, taskType string) (n int, all bool) {
	limit, room := state.LocalShare(total, bundle, t.took(taskType))
	for n < limit && t.local.Room >= room && t.local.Reserve() {
		t.local.Room -= room
		n++
	}

	return n, n*bundle >= total
}

// taken reads the messages that a statement wrote and claimed.
func taken(effects *state.TransitionEffects) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		held, err := pgx.CollectRows(rows, scanHeld)
		effects.Taken = append(effects.Taken, held...)

		return err
	}
}
