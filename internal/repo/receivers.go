package repo

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// NoteReceivers records that a process that can work receives from these queues.
// idle says for each queue whether the process had room and got no message
// recently. It does not update records that are younger than every.
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
