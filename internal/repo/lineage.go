package repo

import (
	"context"
	"encoding/json"
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

	j := cachedJob{id: id}

	var graph *string

	err = r.pool.QueryRow(ctx, statement("job_params"), namedArgs{"job_id": id[:], "most": knownStages}).
		Scan(&j.jobType, &j.params, &j.incarnation, &j.hasResult, &j.traceparent, &graph)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil, noJob("repo.Job", id)
	}

	if err == nil && graph != nil {
		err = json.Unmarshal([]byte(*graph), &j.stages)
	}

	if err != nil {
		return "", nil, failure("repo.Job", err)
	}

	r.params.put(id, j)

	return j.jobType, j.params, nil
}
