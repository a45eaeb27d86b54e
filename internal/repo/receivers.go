package repo

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// NoteReceivers records that queues are received from by a process that can
// work; idle says of each whether the process had room and got no message of
// late. A record younger than every is left as it is.
func (r *Repo) NoteReceivers(
	ctx context.Context,
	queues []state.Queue,
	idle []bool,
	every time.Duration,
) error {
	_, err := r.one(ctx, "repo.NoteReceivers", "note_receivers", namedArgs{
		"queues": queueNumbers(queues), "idle": idle, "every": every.Seconds(),
	})

	return err
}

// Unreceived lists the queues with messages that have been due for the given
// time while no process received from the queue.
func (r *Repo) Unreceived(ctx context.Context, after time.Duration) (queues []state.Queue, err error) {
	err = r.single(ctx, "repo.Unreceived", "read_unreceived", namedArgs{
		"queues": queueNumbers(state.Queues[:]), "after": after.Seconds(),
	}, func(rows pgx.Rows) error {
		numbers, err := pgx.CollectRows(rows, pgx.RowTo[int16])

		queues = nil
		for _, n := range numbers {
			queues = append(queues, state.Queue(n))
		}

		return err
	})

	return queues, err
}

func queueNumbers(queues []state.Queue) []int16 {
	numbers := make([]int16, len(queues))
	for i, q := range queues {
		numbers[i] = int16(q)
	}

	return numbers
}
