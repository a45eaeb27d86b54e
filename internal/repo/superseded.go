package repo

import (
	"context"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// supersededBatch is how many rows of past generations one statement deletes;
// of parts, which may have a megabyte each, it is supersededParts.
const (
	supersededBatch = 10_000
	supersededParts = 500
)

// supersededTables are the statements that delete rows of past generations.
var supersededTables = []struct {
	name string
	most int
}{
	{"superseded_tasks", supersededBatch},
	{"superseded_attempts", supersededBatch},
	{"superseded_result_parts", supersededParts},
}

// Superseded lists stages of which rows of past generations may be left.
func (r *Repo) Superseded(ctx context.Context, most int) ([]state.StageRef, error) {
	rows, err := r.pool.Query(ctx, statement("superseded"), namedArgs{"most": most})
	if err != nil {
		return nil, failure("repo.Superseded", err)
	}

	refs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (state.StageRef, error) {
		var (
			raw []byte
			ref state.StageRef
		)

		err := row.Scan(&raw, &ref.Stage, &ref.Gen)
		copy(ref.JobID[:], raw)

		return ref, err
	})
	if err != nil {
		return nil, failure("repo.Superseded", err)
	}

	return refs, nil
}

// PurgeSuperseded deletes the next rows of the generations before ref.Gen;
// done is true if none is left. It may be cut off anywhere and called again.
func (r *Repo) PurgeSuperseded(ctx context.Context, ref state.StageRef) (rows int, done bool, err error) {
	const op = "repo.PurgeSuperseded"

	for _, table := range supersededTables {
		args := namedArgs{"job_id": ref.JobID[:], "stage": ref.Stage, "gen": ref.Gen, "most": table.most}

		n, err := r.one(ctx, op, table.name, args)
		if err != nil || n > 0 {
			return n, false, err
		}
	}

	_, err = r.one(
		ctx,
		op,
		"superseded_end",
		namedArgs{"job_id": ref.JobID[:], "stage": ref.Stage, "gen": ref.Gen},
	)

	return 0, err == nil, err
}
