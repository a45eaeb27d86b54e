package repo

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// ReadEnded returns what traces and metrics report about jobs, in one statement.
// It skips jobs that no longer exist.
func (r *Repo) ReadEnded(ctx context.Context, ids []state.JobID) ([]view.EndedJob, error) {
	const op = "repo.ReadEnded"

	rows, err := r.pool.Query(ctx, statement("read_ended"), namedArgs{"job_ids": keys(ids)})
	if err != nil {
		return nil, failure(op, err)
	}

	var (
		id, stages []byte
		j          view.EndedJob
		all        []view.EndedJob
	)

	into := []any{
		&id,
		&j.JobType,
		&j.Status,
		&j.Attempt,
		&j.Traceparent,
		&j.CreatedAt,
		&j.StartedAt,
		&j.FinishedAt,
		&stages,
	}

	_, err = pgx.ForEachRow(rows, into, func() error {
		j.JobID, j.Stages = state.JobID(id), nil
		if err := json.Unmarshal(stages, &j.Stages); err != nil {
			return err
		}

		all = append(all, j)

		return nil
	})
	if err != nil {
		return nil, failure(op, err)
	}

	return all, nil
}

// ReadLag returns the number of messages in each queue and the age of the oldest
// one. It counts no further than view.MaxDepth.
func (r *Repo) ReadLag(ctx context.Context) ([]view.QueueLag, error) {
	views, err := r.ReadQueues(ctx)
	if err != nil {
		return nil, err
	}

	rows, err := r.pool.Query(ctx, statement("read_sent_ages"), namedArgs{"most": view.MaxDepth})
	if err != nil {
		return nil, failure("repo.ReadLag", err)
	}

	sent := map[string]float64{}

	var (
		q       state.Queue
		seconds float64
	)

	_, err = pgx.ForEachRow(rows, []any{&q, &seconds}, func() error {
		sent[q.String()] = seconds
		return nil
	})
	if err != nil {
		return nil, failure("repo.ReadLag", err)
	}

	lags := make([]view.QueueLag, len(views))
	for i, v := range views {
		lags[i] = view.QueueLag{QueueView: v, WaitingSeconds: sent[v.Queue]}
		if v.OldestSeconds != nil {
			lags[i].UnsentSeconds = *v.OldestSeconds
			lags[i].WaitingSeconds = max(*v.OldestSeconds, sent[v.Queue])
		}
	}

	return lags, nil
}
