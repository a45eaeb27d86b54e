package repo

import (
	"context"
	"maps"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// supersededTables lists the statements that delete rows of past generations.
// They have the bounds of a purge.
var supersededTables = []string{
	"superseded_tasks", "superseded_attempts", "superseded_result_parts", "superseded_task_logs",
}

// Superseded lists stages that can have rows of past generations.
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

// PurgeSuperseded deletes the next rows of the generations before ref.Gen. done
// is true if none is left. If it is interrupted, the next call continues.
func (r *Repo) PurgeSuperseded(ctx context.Context, ref state.StageRef) (rows int, done bool, err error) {
	const op = "repo.PurgeSuperseded"

	stage := namedArgs{"job_id": ref.JobID[:], "stage": ref.Stage, "gen": ref.Gen}

	batch := maps.Clone(stage)
	batch["most"], batch["bytes"] = purgeBatch, purgeBytes

	for _, table := range supersededTables {
		n, err := r.one(ctx, op, table, batch)
		if err != nil || n > 0 {
			return n, false, err
		}
	}

	_, err = r.one(ctx, op, "superseded_end", stage)

	return 0, err == nil, err
}
