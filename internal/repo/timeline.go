package repo

import (
	"context"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// tellFailures puts the failed attempts of a batch on the timelines of their jobs. An attempt that was fenced out by another of the same
// batch may be told of; nothing is counted by it.
func tellFailures(ctx context.Context, t tx, ends []landingEnd) error {
	var jobs [][]byte
	var stages, gens, attempts []int16
	var indexes []int32
	var finals []bool
	var codes, errs []string
	for _, e := range ends {
		if e.Status == state.TaskCompleted {
			continue
		}
		jobs, stages, gens = append(jobs, e.JobID[:]), append(stages, int16(e.Stage)), append(gens, int16(e.Gen))
		indexes, attempts = append(indexes, int32(e.Index)), append(attempts, int16(e.Attempt))
		finals, codes = append(finals, e.Status == state.TaskFailed), append(codes, string(e.Code))
		errs = append(errs, e.Error)
	}
	if len(jobs) == 0 {
		return nil
	}
	_, err := t.exec(ctx, "tell_failures", pgx.StrictNamedArgs{
		"job_ids": jobs, "stages": stages, "gens": gens, "indexes": indexes, "attempts": attempts, "finals": finals, "codes": codes,
		"errors": errs,
	})
	return err
}
