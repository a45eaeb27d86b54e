package repo

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Job returns the type of a job and its parameters as canonical JSON. Neither
// changes, so the result is cached.
func (r *Repo) Job(ctx context.Context, id state.JobID) (jobType string, params []byte, err error) {
	if j, ok := r.params.get(id); ok {
		return j.jobType, j.params, nil
	}

	err = r.pool.QueryRow(ctx, statement("job_params"), namedArgs{"job_id": id[:]}).Scan(&jobType, &params)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil, state.Errorf(state.CodeNotFound, "repo.Job", "no job %s", id)
	}

	if err != nil {
		return "", nil, failure("repo.Job", err)
	}

	r.params.put(id, cachedJob{jobType, params})

	return jobType, params, nil
}
