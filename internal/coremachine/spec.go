package coremachine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// Spec checks a submit and returns the job as it is stored. It needs neither a
// Machine nor a database: now is the time of the database. It does not run the
// job's preflight check. The errors are those of Submit about the request.
func Spec(
	ctx context.Context,
	jobs map[string]define.Job,
	tasks map[string]handlers.Handler,
	req SubmitRequest,
	now time.Time,
) (g state.JobSpec, err error) {
	job, params, err := parseSubmit(ctx, jobs, req)
	if err != nil {
		return state.JobSpec{}, err
	}

	if g, err = graph(tasks, req, job, params); err != nil {
		return state.JobSpec{}, err
	}

	if state.ReservedRunKey(g.RunKey) {
		return state.JobSpec{}, reservedKey("")
	}

	g.StartAt, err = startTime(req, now)

	return g, err
}

// parseSubmit finds the job of a submit and checks its parameters.
func parseSubmit(
	ctx context.Context, jobs map[string]define.Job, req SubmitRequest,
) (define.Job, define.Params, error) {
	job, ok := jobs[req.Type]
	if !ok {
		return define.Job{}, define.Params{}, state.Errorf(
			state.CodeUnknownJobType,
			"coremachine.Submit",
			"Unknown job type: %s. Available: [%s]",
			req.Type,
			strings.Join(slices.Sorted(maps.Keys(jobs)), ", "),
		)
	}

	if err := checkLabels(req); err != nil {
		return define.Job{}, define.Params{}, err
	}

	params, err := job.ParseContext(ctx, req.Body)

	return job, params, err
}

// RunsAgain decides what a submit of an existing job does. The job runs again if
// its status is in from. Otherwise the submit finds it as it is. An error has
// CodeConflict.
func RunsAgain(job state.JobState, rerun bool) (from []state.JobStatus, err error) {
	const op = "coremachine.Submit"

	from = []state.JobStatus{state.JobFailed, state.JobCancelled}
	if rerun {
		from = append(from, state.JobCompleted, state.JobCompletedWithErrors)
	}

	switch {
	case slices.Contains(from, job.Status):
		return from, nil
	case job.Stopping:
		return nil, conflict(op, "the job is being cancelled; submit it again after it has ended")
	case rerun:
		return nil, conflict(op, fmt.Sprintf("the job is %s; it can be run again after it has ended", job.Status))
	}

	return nil, nil
}

// graph returns the job and its stages as they are stored, with everything that
// depends on the parameters alone.
func graph(
	tasks map[string]handlers.Handler, req SubmitRequest, job define.Job, params define.Params,
) (g state.JobSpec, err error) {
	defer func() { // counts and skip conditions are user code
		if p := recover(); p != nil {
			err = state.Panicked(state.CodePlanner, "coremachine.Submit", "the job's declaration", p)
		}
	}()

	g = state.JobSpec{
		JobID: state.KeyedJobID(req.Type, params.Canonical, req.RunKey), RunKey: req.RunKey,
		JobType: req.Type, Params: params.Canonical,
		HasResult: job.HasResult(), Traceparent: req.Traceparent, By: req.By, CallbackURL: req.CallbackURL,
		Tags: req.Tags, Terms: terms(req.Tags, job, params),
	}
	for i, spec := range job.Stages() {
		s := state.StageSpec{
			Name:         spec.Name,
			TaskType:     spec.TaskType,
			Kind:         spec.Kind,
			Queue:        state.QueueTasks,
			Skip:         job.Skip(params, i),
			Expected:     job.Count(params, i),
			Window:       spec.Window,
			Bundle:       spec.Bundle,
			Tolerance:    job.Tolerance(),
			Dependencies: job.Shape(i).Dependencies,
			Finally:      spec.Finally,
		}
		if s.Finally { // the outcome is decided, so that no failure stops its other tasks
			s.Tolerance = 1
		}

		if h, ok := tasks[spec.TaskType]; ok {
			s.Queue = h.Queue()
		}

		if s.Window == 0 {
			s.Window = state.DefaultWindow
		}

		for _, d := range spec.DependsOn {
			s.DependsOn = append(s.DependsOn, int16(d))
		}

		g.Stages = append(g.Stages, s)
	}

	if len(g.Stages) == 0 {
		return g, state.Errorf(state.CodeInternal, "coremachine.Submit", "the job %s has no stages", req.Type)
	}

	return g, nil
}
