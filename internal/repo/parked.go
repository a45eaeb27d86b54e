package repo

import (
	"context"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Parked lists the messages that wait for a build that declares their work. The
// list is in key order after the given message, and includes messages that are
// not due.
func (r *Repo) Parked(
	ctx context.Context,
	after state.Message,
	most int,
) (parked []state.Message, err error) {
	args := namedArgs{"job_id": after.JobID[:], "message_id": after.MessageID, "most": most}
	err = r.single(ctx, "repo.Parked", "parked", args, func(rows pgx.Rows) (err error) {
		parked, err = pgx.CollectRows(rows, scanMessage)
		return err
	})

	return parked, err
}

func scanMessage(row pgx.CollectableRow) (state.Message, error) {
	m := state.Message{V: state.EnvelopeVersion}

	var job []byte

	err := row.Scan(
		&job,
		&m.MessageID,
		&m.Queue,
		&m.Kind,
		&m.Stage,
		&m.Gen,
		&m.First,
		&m.Count,
		&m.Attempt,
		&m.Send,
		&m.Losses,
		&m.Traceparent,
	)
	copy(m.JobID[:], job)

	return m, err
}
