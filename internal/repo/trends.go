package repo

import (
	"context"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Limits of one recording of trends; the next does the rest.
const (
	trendBatch  = 10_000
	trendRounds = 10
)

// RecordTrends records the queues of the current minute, adds what was counted
// in past minutes to the trends, and deletes trends that are past their
// retention. Concurrent calls and repeats are harmless: each queue is recorded
// once a minute, and each count is added once.
func (r *Repo) RecordTrends(ctx context.Context) error {
	const op = "repo.RecordTrends"

	_, err := r.one(ctx, op, "trend_queues", namedArgs{
		"queues": queueNumbers(state.Queues[:]), "most": view.MaxDepth,
	})
	if err != nil {
		return err
	}

	for range trendRounds {
		n, err := r.one(ctx, op, "trend_fold", namedArgs{"most": trendBatch})
		if err != nil {
			return err
		}

		if n < trendBatch {
			break
		}
	}

	for _, name := range []string{"trend_purge", "trend_purge_queues"} {
		args := namedArgs{"retention": view.TrendsKept.Seconds(), "most": trendBatch}
		if _, err := r.one(ctx, op, name, args); err != nil {
			return err
		}
	}

	return nil
}
