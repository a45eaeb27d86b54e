package repo

import (
	"context"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// These limits bound the cost of a watched job: the maximum number of error
// patterns per stage, and of attempts per pattern.
const (
	errorKinds = 50
	errorScan  = 2000
)

// errorGroups adds the errors that ended tasks to a job, most frequent first.
func (r *Repo) errorGroups(ctx context.Context, op string, job *view.JobView) error {
	failures, err := r.readFailures(ctx, op, namedArgs{
		"job_id": job.JobID[:],
		"stage":  "",
		"ended":  true,
		"kinds":  errorKinds,
		"most":   errorScan,
		"groups": view.MaxFailureGroups,
		"shown":  1,
	})
	if err != nil {
		return err
	}

	for i, f := range failures {
		if i >= view.MaxErrorGroups {
			job.MoreErrors.Kinds++
			job.MoreErrors.Tasks += f.Tasks

			continue
		}

		job.Errors = append(job.Errors, view.ErrorGroup{
			Stage:       f.Stage,
			Fingerprint: f.Fingerprint,
			Message:     f.Message,
			Outcome:     f.Outcome,
			Index:       f.Indexes[0],
			Count:       f.Tasks,
		})
	}

	return nil
}

// ListFailures returns why tasks of a job failed in its current generation: the
// error that ended most tasks comes first. stage is a name; if it is empty, the
// list covers all stages. ListFailures returns CodeNotFound if there is no such
// job or stage.
func (r *Repo) ListFailures(ctx context.Context, id state.JobID, stage string) ([]view.FailureGroup, error) {
	const op = "repo.ListFailures"

	failures, err := r.readFailures(ctx, op, namedArgs{
		"job_id": id[:],
		"stage":  stage,
		"ended":  false,
		"kinds":  view.MaxFailureGroups,
		"most":   view.MaxDepth,
		"groups": view.MaxFailureGroups,
		"shown":  view.MaxFailureIndexes,
	})
	if err != nil || len(failures) > 0 {
		return failures, err
	}

	_, err = r.listedStages(ctx, op, id, view.TaskFilter{Stage: stage})

	return failures, err
}

func (r *Repo) readFailures(ctx context.Context, op string, args namedArgs) ([]view.FailureGroup, error) {
	rows, err := r.pool.Query(ctx, statement("read_failures"), args)
	if err != nil {
		return nil, failure(op, err)
	}

	failures, err := pgx.CollectRows(rows, pgx.RowToStructByName[view.FailureGroup])
	if err != nil {
		return nil, failure(op, err)
	}

	for i := range failures {
		failures[i].FirstSeen, failures[i].LastSeen = failures[i].FirstSeen.UTC(), failures[i].LastSeen.UTC()
	}

	return failures, nil
}
