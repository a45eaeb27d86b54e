package coremachine

import (
	"context"
	"slices"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// Submitter finds the job that exists, and runs one again that has ended.
type Submitter interface {
	Rerun(
		ctx context.Context,
		g state.JobSpec,
		from []state.JobStatus,
		limit int,
	) (attempt int, landed bool, effects state.TransitionEffects, err error)
	Touch(ctx context.Context, id state.JobID) (landed bool, err error)
	Full(ctx context.Context, most int) (full bool, err error)
	JobState(ctx context.Context, id state.JobID) (state.JobState, error)
}

// Submit starts a run of a job, or finds the existing one: the same type and
// parameters are the same job. If the existing job has failed or was cancelled,
// it runs again. If it has completed, it runs again only if Rerun is set. Submit
// writes nothing before all checks have passed.
//
// With a run key, a job is the same only if its key is the same too. A run that
// starts with tags replaces the tags of the job; one without tags keeps them. A
// submit that starts no run leaves them as they are.
//
// The code of the error is CodeUnknownJobType, CodeMalformed, CodeInvalid with
// the fields at fault, or CodeTooLarge. It is CodeConflict while the job is
// being stopped, CodeBusy if the maximum number of jobs is open, and
// CodeUnavailable if the database is unavailable or the job is being deleted.
func (m *Machine) Submit(ctx context.Context, req SubmitRequest) (SubmitResult, error) {
	job, params, err := parseSubmit(ctx, m.cfg.Jobs, req)
	if err != nil {
		return SubmitResult{}, err
	}

	if err := job.Preflight(ctx, params, m.cfg.Deps); err != nil {
		return SubmitResult{}, err
	}

	g, err := graph(m.cfg.Handlers, req, job, params)
	if err != nil {
		return SubmitResult{}, err
	}

	if g.StartAt, err = m.delayedStart(ctx, req); err != nil {
		return SubmitResult{}, err
	}

	if err := m.mayUseKey(ctx, req, g.JobID); err != nil {
		return SubmitResult{}, err
	}

	res := SubmitResult{
		JobID: g.JobID, RunKey: g.RunKey, Status: state.JobQueued, Attempt: 1, Parameters: params.Canonical,
	}
	if req.DryRun {
		return m.dryRun(ctx, g, params)
	}

	return m.submitOrFind(ctx, req, g, res)
}

// dryRun returns what a submit would create. The status is that of the existing
// job, and empty if there is none.
func (m *Machine) dryRun(ctx context.Context, g state.JobSpec, params define.Params) (SubmitResult, error) {
	res := SubmitResult{JobID: g.JobID, RunKey: g.RunKey, Parameters: params.Canonical, Plan: planned(g)}

	brief, err := m.store.JobState(ctx, g.JobID)
	switch {
	case state.CodeOf(err) == state.CodeNotFound || err == nil && brief.Deleting:
		return res, nil
	case err != nil:
		return SubmitResult{}, err
	}

	res.Status, res.Attempt = brief.Status, brief.Attempt

	return res, nil
}

// A submit of a job that is being deleted waits for the end of the deletion.
const (
	deletionWait = 2 * time.Second
	deletionPoll = 50 * time.Millisecond
)

// submitOrFind creates the job, or returns the existing one. If another caller
// changes or deletes the job at the same time, submitOrFind tries again. It holds
// no transaction and no connection while it waits.
func (m *Machine) submitOrFind(
	ctx context.Context,
	req SubmitRequest,
	g state.JobSpec,
	res SubmitResult,
) (SubmitResult, error) {
	for until := time.Now().Add(deletionWait); ; {
		outcome, err := m.submit(ctx, g)
		if err != nil {
			return SubmitResult{}, err
		}

		switch outcome {
		case state.SubmitCreated:
			res.Created, res.Started, res.StartAt = true, true, startOf(g)
			return res, nil
		case state.SubmitRefused:
			return SubmitResult{}, m.busy()
		case state.SubmitFound:
		}

		found, settled, err := m.resubmit(ctx, req, g, res)
		if err != nil || settled {
			return found, err
		}

		if time.Now().After(until) {
			return SubmitResult{}, state.Errorf(
				state.CodeUnavailable,
				"coremachine.Submit",
				"the job is being deleted; submit it again later",
			)
		}

		if !clock.Sleep(ctx, deletionPoll) {
			return SubmitResult{}, state.Wrap(
				state.CodeUnavailable,
				"coremachine.Submit",
				"the job is being deleted",
				context.Cause(ctx),
			)
		}
	}
}

func (m *Machine) busy() error {
	return state.Errorf(
		state.CodeBusy,
		"coremachine.Submit",
		"%d jobs are queued or running, which is the maximum; try again later",
		m.cfg.MaxQueued,
	)
}

// resubmit returns the existing job. If the job ended without success, resubmit
// starts it again. If the job is being deleted, does not exist or has changed
// meanwhile, settled is false and the caller submits again.
func (m *Machine) resubmit(
	ctx context.Context,
	req SubmitRequest,
	g state.JobSpec,
	res SubmitResult,
) (_ SubmitResult, settled bool, err error) {
	brief, err := m.store.JobState(ctx, g.JobID)
	if state.CodeOf(err) == state.CodeNotFound || err == nil && brief.Deleting {
		return SubmitResult{}, false, nil
	}

	if err != nil {
		return SubmitResult{}, false, err
	}

	from, err := RunsAgain(brief, req.Rerun)
	if err != nil {
		return SubmitResult{}, false, err
	}

	if slices.Contains(from, brief.Status) {
		return m.rerun(ctx, g, from, res)
	}

	res.Status, res.Attempt, res.StartAt = brief.Status, brief.Attempt, brief.StartAt
	if brief.Recent {
		return res, true, nil
	}

	landed, err := m.store.Touch(ctx, g.JobID)

	return res, landed, err
}

// rerun starts a job that has ended from the beginning.
func (m *Machine) rerun(
	ctx context.Context,
	g state.JobSpec,
	from []state.JobStatus,
	res SubmitResult,
) (_ SubmitResult, settled bool, err error) {
	attempt, landed, effects, err := m.store.Rerun(ctx, g, from, m.cfg.MaxQueued)
	if err != nil {
		return SubmitResult{}, false, err
	}

	if landed {
		m.wake(effects)

		res.Attempt, res.Started, res.StartAt = attempt, true, startOf(g)

		return res, true, nil
	}

	if m.cfg.MaxQueued > 0 {
		full, err := m.store.Full(ctx, m.cfg.MaxQueued)
		if err == nil && full {
			err = m.busy()
		}

		if err != nil {
			return SubmitResult{}, false, err
		}
	}

	return SubmitResult{}, false, nil // another caller was first
}

// planned returns the result of a dry run: the number of tasks of each stage
// whose tasks depend on the parameters alone.
func planned(g state.JobSpec) []PlannedStage {
	stages := make([]PlannedStage, len(g.Stages))
	for i, s := range g.Stages {
		stages[i] = PlannedStage{Name: s.Name, Skipped: s.Skip}

		total := s.Expected
		if s.Kind == state.MatchPrevious && len(s.DependsOn) == 1 {
			if p := stages[s.DependsOn[0]]; p.Tasks != nil {
				total = *p.Tasks
			}
		}

		if s.Skip {
			total = 0
		}

		if total >= 0 {
			stages[i].Tasks = &total
		}
	}

	return stages
}
