package repo

import (
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Bounds of a bundle that the engine chooses.
const (
	mostBundle = 256
	bundleTime = 20 * time.Millisecond // work that makes the trip of a message worth its cost
	// messages that a stage of quick tasks has at least: a process works on
	// them side by side
	bundleShares = 4
	smallBundle  = 16 // quick tasks that are not worth sharing
	// messages of a stage that the process which starts it keeps; bundleShares
	// where its tasks are quick
	takeMost = 2
	// quick tasks that take the room of one: they are over before the others
	// begin
	quickShare = 8
)

// bundleOf is how many tasks a message of a stage carries: as declared, else so
// many that a large stage has 64 messages or more, and at most 256. Where tasks
// are known to be quick it is as many as fill bundleTime, as long as there is
// enough for others. A bundle that turns out slow hands its rest back, so a
// wrong guess costs little.
func (t tx) bundleOf(declared, total int, taskType string) int {
	if declared > 0 {
		return declared
	}

	bundle := max(1, total/64)
	if took := t.took(taskType); took > 0 {
		share := max(smallBundle, (total+bundleShares-1)/bundleShares)
		bundle = max(bundle, min(int(bundleTime/took), share))
	}

	return min(mostBundle, bundle)
}

// took is how long a task of a type takes as a rule; 0: this process does not
// know.
func (t tx) took(taskType string) time.Duration {
	if t.here.Took == nil {
		return 0
	}

	return t.here.Took(taskType)
}

// take is how many messages of a stage this process takes at once, and whether
// that is all of them.
func (t tx) take(total, bundle int, taskType string) (n int, all bool) {
	messages, room, most := (total+bundle-1)/bundle, bundle, takeMost
	if state.Quick(t.took(taskType)) {
		room, most = max(1, bundle/quickShare), bundleShares
	}

	for n < min(messages, most) && t.here.Room >= room && t.here.Reserve() {
		t.here.Room -= room
		n++
	}

	return n, n == messages
}

// taken reads the messages that a statement wrote and claimed.
func taken(moved *state.Moved) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		held, err := pgx.CollectRows(rows, scanHeld)
		moved.Taken = append(moved.Taken, held...)

		return err
	}
}
