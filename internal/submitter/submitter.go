package submitter

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/client"
	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Submitter submits jobs in transactions of the caller. Use New to create one. It
// is safe for concurrent use.
type Submitter struct {
	jobs    map[string]define.Job
	tasks   map[string]handlers.Handler
	schema  string
	checked atomic.Bool // the schema is as new as this build
}

// DefaultSchema is where the tables of the engine are unless its DATABASE_URL
// names another search_path.
const DefaultSchema = "public"

// New returns a Submitter of the jobs of a project. The handlers do not run: they
// decide to which queue a task belongs. schema is the schema of the tables of the
// engine; empty means DefaultSchema. The error lists what is wrong with the maps.
func New(
	jobs map[string]define.Job, tasks map[string]handlers.Handler, schema string,
) (*Submitter, error) {
	deps := handlers.Deps{Blobs: handlers.NoBlobs{}} // no handler runs
	if bad := define.Check(jobs, tasks, deps, 0); len(bad) > 0 {
		return nil, state.Errorf(state.CodeInvalid, "submitter.New", "%s", strings.Join(bad, "; "))
	}

	return &Submitter{jobs: jobs, tasks: tasks, schema: cmp.Or(schema, DefaultSchema)}, nil
}

// SubmitTx starts a run of a job, or finds the existing one, in a transaction
// that the caller began. The job starts after the commit. A rollback leaves
// nothing. See client.Client for the parameters.
//
// Two checks of a submit by HTTP do not apply: the job's preflight check, because
// it waits for external services while the transaction holds locks, and
// MAX_QUEUED_JOBS.
//
// If the parameters or options are invalid, the transaction can continue. The
// codes are those of a submit by HTTP. The error is CodeUnavailable if the schema
// is older than this build, and if the job is being deleted.
func (s *Submitter) SubmitTx(
	ctx context.Context, tx pgx.Tx, jobType string, params any, opts ...client.SubmitOption,
) (view.Submission, error) {
	req, err := request(jobType, params, opts)
	if err != nil {
		return view.Submission{}, err
	}

	store := repo.InTx(tx, s.schema)

	if !s.checked.Load() {
		if err := store.CheckSchema(ctx); err != nil {
			return view.Submission{}, err
		}

		s.checked.Store(true)
	}

	var now time.Time

	if req.Delayed() {
		if now, err = store.Now(ctx); err != nil {
			return view.Submission{}, err
		}
	}

	spec, err := coremachine.Spec(ctx, s.jobs, s.tasks, req, now)
	if err != nil {
		return view.Submission{}, err
	}

	return submit(ctx, store, spec, req.Rerun)
}

func request(jobType string, params any, opts []client.SubmitOption) (coremachine.SubmitRequest, error) {
	o, err := client.Collect(opts)
	if err != nil {
		return coremachine.SubmitRequest{}, err
	}

	body, err := define.Body(params)

	return coremachine.SubmitRequest{
		Type: jobType, Body: body, Rerun: o.Rerun, StartAt: o.StartAt, Delay: o.Delay, CallbackURL: o.CallbackURL,
		RunKey: o.RunKey, Tags: o.Tags,
	}, err
}

// submit creates the job, or finds it and runs it again if it may.
func submit(ctx context.Context, store repo.CallerTx, spec state.JobSpec, rerun bool) (view.Submission, error) {
	res := view.Submission{
		JobID: spec.JobID, JobType: spec.JobType, RunKey: spec.RunKey, Status: state.JobQueued, Attempt: 1,
		Parameters: spec.Params,
	}
	if !spec.StartAt.IsZero() {
		res.StartAt = &spec.StartAt
	}

	outcome, err := store.Submit(ctx, spec)
	if err != nil {
		return view.Submission{}, err
	}

	if outcome == state.SubmitCreated {
		res.Created = true
		return res, nil
	}

	found, err := store.JobState(ctx, spec.JobID)
	if err != nil {
		return view.Submission{}, err
	}

	if found.Deleting {
		return view.Submission{}, changed("the job is being deleted; submit it again later")
	}

	from, err := coremachine.RunsAgain(found, rerun)
	if err != nil {
		return view.Submission{}, err
	}

	landed := true

	if slices.Contains(from, found.Status) {
		res.Attempt, landed, err = store.Rerun(ctx, spec, from)
	} else {
		res.Status, res.Attempt, res.StartAt = found.Status, found.Attempt, found.StartAt

		// The row of an open job is not locked: its tasks would wait for the caller.
		if found.Status.Ended() && !found.Recent {
			landed, err = store.Touch(ctx, spec.JobID)
		}
	}

	if err == nil && !landed {
		err = changed("another program changed the job at the same time; submit it again")
	}

	if err != nil {
		return view.Submission{}, err
	}

	return res, nil
}

func changed(msg string) error {
	return state.Errorf(state.CodeUnavailable, "submitter.SubmitTx", "%s", msg)
}
