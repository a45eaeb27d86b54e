package view

import (
	"slices"
	"time"

	"coremachine/internal/state"
)

// RunView is one run of a job: from its submit, a retry or a rerun to its end.
// It is made from the events of the job, because the records of the stages are
// those of the current run.
type RunView struct {
	Attempt int             `json:"attempt"`
	Cause   string          `json:"cause"` // created, retried or rerun
	By      string          `json:"by"`    // who asked; empty: not known
	BeganAt time.Time       `json:"began_at"`
	EndedAt *time.Time      `json:"ended_at"` // null: it has not ended
	Status  state.JobStatus `json:"status"`
	Current bool            `json:"current"` // the last run
	// Stages that began or ended in the run. A retry keeps the others.
	Stages []RunStage `json:"stages"`
	Errors []RunError `json:"errors"` // logged failures of attempts, most first, at most MaxRunErrors
}

// Elapsed is the time from the begin of the run to its end, waiting included; nil
// if it has not ended.
func (r RunView) Elapsed() *time.Duration { return ended(&r.BeganAt, r.EndedAt) }

// RunStage is a stage in a run.
type RunStage struct {
	Name      string            `json:"name"`
	StartedAt *time.Time        `json:"started_at"` // null: it continued from an earlier run, or never began
	EndedAt   *time.Time        `json:"ended_at"`   // null: it has not ended, or was stopped
	Status    state.StageStatus `json:"status"`
	Tasks     int               `json:"tasks"` // also those that completed in an earlier run
	Completed int               `json:"completed"`
	Failed    int               `json:"failed"`
	Cancelled int               `json:"cancelled"`
}

// Elapsed is the time from when the stage could start to its end, waiting
// included; nil if that is not known.
func (s RunStage) Elapsed() *time.Duration { return ended(s.StartedAt, s.EndedAt) }

// Shown returns the status as people read it, see ShownStage.
func (s RunStage) Shown() string { return ShownStage(s.Status, s.Failed) }

// RunError is a kind of failure of a run. A job logs the first 100 failures of a
// stage and then one a minute, so a large count is a lower bound.
type RunError struct {
	Stage       string            `json:"stage"`
	Fingerprint state.Fingerprint `json:"fingerprint"`
	Message     string            `json:"message"` // of the first of them
	Logged      int               `json:"logged"`  // failures in the log
}

// MaxRunErrors bounds the kinds of failures of a run.
const MaxRunErrors = 20

// Kinds of events that begin a run.
const (
	runCreated = "created"
	runRetried = "retried"
	runAgain   = "rerun"
)

// RunKinds are the kinds of events that Runs reads.
var RunKinds = []string{
	runCreated, runRetried, runAgain, "stage_started", "stage_ended", "job_ended", "task_failed",
}

// Runs returns the runs of a job, newest first. The events are the newest of
// RunKinds, oldest first. The last run has the attempt of the job, so that runs
// are numbered correctly even if the oldest events are missing.
func Runs(job JobView, events []EventView) []RunView {
	runs := []RunView{}

	for _, e := range events {
		if e.Kind == runCreated || e.Kind == runRetried || e.Kind == runAgain {
			runs = append(runs, RunView{
				Cause: e.Kind, By: e.Known().By, BeganAt: e.At, Status: state.JobRunning,
				Stages: []RunStage{}, Errors: []RunError{},
			})

			continue
		}

		if len(runs) > 0 {
			runs[len(runs)-1].add(e)
		}
	}

	slices.Reverse(runs)

	for i := range runs {
		runs[i].Attempt = job.Attempt - i
		runs[i].limitErrors()
	}

	runs = slices.DeleteFunc(runs, func(r RunView) bool { return r.Attempt < 1 })
	if len(runs) > 0 {
		runs[0].Current, runs[0].Status = true, job.Status
	}

	return runs
}

func (r *RunView) add(e EventView) {
	d := e.Known()

	switch e.Kind {
	case "stage_started":
		s := r.stage(e.Stage)
		s.StartedAt, s.Status = &e.At, state.StageRunning

		if d.Total != nil {
			s.Tasks = *d.Total
		}
	case "stage_ended":
		s := r.stage(e.Stage)
		s.EndedAt, s.Status = &e.At, state.StageStatus(d.Status)
		s.Completed, s.Failed, s.Cancelled = d.Completed, d.Failed, d.Cancelled
		s.Tasks = max(s.Tasks, d.Completed+d.Failed+d.Cancelled)
	case "job_ended":
		r.EndedAt, r.Status = &e.At, state.JobStatus(d.Status)
	case "task_failed":
		r.failed(e, d)
	}
}

// stage returns the stage with a name, and adds it at its first event.
func (r *RunView) stage(name string) *RunStage {
	i := slices.IndexFunc(r.Stages, func(s RunStage) bool { return s.Name == name })
	if i < 0 {
		i = len(r.Stages)
		r.Stages = append(r.Stages, RunStage{Name: name, Status: state.StageWaiting})
	}

	return &r.Stages[i]
}

func (r *RunView) failed(e EventView, d EventDetail) {
	i := slices.IndexFunc(r.Errors, func(o RunError) bool {
		return o.Stage == e.Stage && o.Fingerprint == e.Fingerprint
	})
	if i < 0 {
		i = len(r.Errors)
		r.Errors = append(r.Errors, RunError{Stage: e.Stage, Fingerprint: e.Fingerprint, Message: d.Message})
	}

	r.Errors[i].Logged++
}

func (r *RunView) limitErrors() {
	slices.SortStableFunc(r.Errors, func(a, b RunError) int { return b.Logged - a.Logged })
	r.Errors = r.Errors[:min(len(r.Errors), MaxRunErrors)]
}
