package web

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// taskPage is the data of the template "task": one task, beginning with what
// failed.
type taskPage struct {
	view.TaskView
	Job      view.JobSummary
	TraceID  string
	Shown    string // its status as a key of looks
	MaxTries int    // maximum number of tries; 0 if this build does not know the task type
	// Try is the current or next try, or the last one. Users count failures and
	// not fence numbers.
	Try      int
	Took     string
	Retry    *time.Time // time of the next try
	Summary  string     // first line of the final error, or of the error of the last attempt
	Rest     string     // remaining lines of the error
	Tries    []tryRow
	Repeated string // why the task may have run more than once
	From, To []linkRow
	URL      string // URL of this page
	Before   string // URL of the previous task in index order
	After    string
	Computed bool // the input is computed from the job's parameters
}

// tryRow is an attempt that completed, failed, or has not ended.
type tryRow struct {
	Number  int
	Outcome string // a key of looks, or an outcome
	Look    string
	Final   bool
	Started *time.Time
	Took    string
	Running bool
	Worker  string
	Error   string
	Stack   string // stack of a panic
}

// linkRow is a stage before or after the task.
type linkRow struct {
	view.TaskLinks
	Says string
	More int
	URL  string // URL of the stage
	Root string // URL of the stage's tasks
}

// outcomes maps the outcome of an attempt to its word and look.
var outcomes = map[state.Outcome]struct{ word, look string }{
	"error": {
		"failed",
		"failed",
	},
	"permanent":   {"failed permanently", "failed"},
	"timeout":     {"timed out", "timeout"},
	"lost":        {"worker lost", "timeout"},
	"interrupted": {"interrupted", "timeout"},
	"panic": {
		"panicked",
		"failed",
	},
	"too_large": {"result too large", "failed"},
	"invalid":   {"invalid result", "failed"},
	"cancelled": {"cancelled", "cancelled"},
}

func loadTask(ctx context.Context, s *Server, in *input) (content, error) {
	id, err := s.findJob(ctx, in.params["id"])
	if c, ok := asChoice(err); ok {
		return c, nil
	}

	if err != nil {
		return content{}, err
	}

	index, err := taskIndex(in.params["index"])
	if err != nil {
		return content{}, err
	}

	task, err := s.Reader.ReadTask(ctx, id, in.params["stage"], index)
	if err != nil {
		return content{}, err
	}

	job, err := s.Reader.ReadJob(ctx, id)
	if err != nil {
		return content{}, err
	}

	p := s.taskPage(job, task)
	c := content{
		Title: task.Stage + " " + num(
			index,
		) + " · " + job.JobType,
		Data:    p,
		Version: job.Version,
		Ended:   job.Status.Ended(),
		Parts: []part{
			{ID: "task", Template: "task-live"},
		},
		Say: []string{"Task " + strconv.Itoa(index) + " is " + word(p.Shown)},
	}
	c.wait = func(ctx context.Context) {
		if s.Wait != nil {
			// Read the task again whether the wait timed out or the job
			// changed.
			_, _ = s.Wait(ctx, id, job.Version)
		}
	}

	return c, nil
}

// taskIndex parses an index from a URL.
func taskIndex(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, state.Invalid(
			"web",
			"No such task.",
			state.FieldError{Field: state.Excerpt(text), Message: "the index of a task is a number of at least 0"},
		)
	}

	return int(n), nil
}

func (s *Server) taskPage(job view.JobView, task view.TaskView) taskPage {
	p := taskPage{
		TaskView: task,
		Job:      job.JobSummary,
		TraceID:  job.TraceID,
		Shown:    taskShown(task),
		MaxTries: s.maxTries(job.JobType, task.Stage),
		Try:      tryOf(task),
		Took: between(
			task.StartedAt,
			task.FinishedAt,
		),
		URL:      join(s.Prefix+"/ui", []any{"jobs", job.JobID, "stages", task.Stage, "tasks", task.Index}),
		Computed: task.Input == nil && task.Kind != state.FanOut,
	}

	p.Summary, p.Rest, _ = strings.Cut(task.Error, "\n")
	if task.Status == state.TaskQueued && task.Dead == "" && task.DueAt != nil &&
		task.DueAt.After(time.Now()) {
		p.Retry = task.DueAt
	}

	p.Tries, p.Repeated = tries(task), repeated(task)

	root := join(s.Prefix+"/ui", []any{"jobs", job.JobID, "stages", task.Stage, "tasks"})
	if task.Index > 0 {
		p.Before = root + "/" + strconv.Itoa(task.Index-1)
	}

	for _, stage := range job.Stages {
		if stage.Name == task.Stage && task.Index+1 < stage.Tasks.Total {
			p.After = root + "/" + strconv.Itoa(task.Index+1)
		}
	}

	for _, l := range task.Inputs {
		p.From = append(p.From, s.linkRow(job.JobID, l, inputSays))
	}

	for _, l := range task.Consumers {
		p.To = append(p.To, s.linkRow(job.JobID, l, consumerSays))
	}

	return p
}

// taskShown returns the status of a task, including the direction in which it
// is about to change.
func taskShown(t view.TaskView) string {
	switch {
	case t.Dead != "":
		return "dead"
	case t.Status == state.TaskQueued && t.Failures+t.Losses > 0:
		return "retrying"
	}

	return string(t.Status)
}

// tryOf returns the number of the try that runs, comes next, or was the last.
// Lost workers and messages that were sent again increase the attempt of a
// task, but not its try.
func tryOf(t view.TaskView) int {
	if t.Status == state.TaskFailed {
		return max(1, t.Failures)
	}

	return t.Failures + 1
}

func (s *Server) maxTries(jobType, stage string) int {
	for _, t := range s.Types() {
		if t.Name != jobType {
			continue
		}

		for _, st := range t.Stages {
			if st.Name == stage {
				return st.MaxAttempts
			}
		}
	}

	return 0
}

// tries returns all attempts, newest first. The record contains the
// unsuccessful ones. The task itself contains the one that runs or completed.
func tries(t view.TaskView) []tryRow {
	var rows []tryRow

	switch t.Status {
	case state.TaskRunning:
		rows = append(
			rows,
			tryRow{
				Number:  t.Attempt,
				Outcome: "running",
				Look:    "running",
				Started: t.StartedAt,
				Running: true,
				Worker:  t.Worker,
			},
		)
	case state.TaskCompleted:
		rows = append(
			rows,
			tryRow{
				Number:  t.Attempt,
				Outcome: "completed",
				Look:    "completed",
				Final:   true,
				Started: t.StartedAt,
				Took:    between(t.StartedAt, t.FinishedAt),
			},
		)
	case state.TaskQueued,
		state.TaskFailed,
		state.TaskCancelled: // if there was a last attempt, the record contains it
	}

	for _, a := range t.Attempts {
		said := outcomes[a.Outcome]
		if said.word == "" {
			said.word, said.look = string(a.Outcome), "failed"
		}

		rows = append(rows, tryRow{
			Number:  a.Attempt,
			Outcome: said.word,
			Look:    said.look,
			Final:   a.Final && a.Outcome != "permanent",
			Started: a.StartedAt,
			Took:    between(a.StartedAt, &a.EndedAt),
			Worker:  a.Worker,
			Error:   messageOf(a.Error),
			Stack:   a.Stack,
		})
	}

	return rows
}

// messageOf returns the message of an error that is stored with its code.
func messageOf(text string) string {
	var f state.Failure
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &f) == nil && f.Message != "" {
		return f.Message
	}

	return text
}

// repeated returns why side effects of the task may have happened more than
// once.
func repeated(t view.TaskView) string {
	lost := plural(t.Losses, "one worker was lost", "its worker was lost "+num(t.Losses)+" times")
	switch {
	case t.Losses > 0 && t.Failures > 0:
		return "it failed and " + lost
	case t.Losses > 0:
		return lost
	case len(t.Attempts) > 1 || len(t.Attempts) > 0 && t.Status != state.TaskFailed && t.Status != state.TaskCancelled:
		return "it was retried after a failure"
	}

	return ""
}

func (s *Server) linkRow(id state.JobID, l view.TaskLinks, says map[view.Relation]string) linkRow {
	stage := []any{"jobs", id, "stages", l.Stage}

	return linkRow{
		TaskLinks: l, Says: says[l.Relation], More: l.Count - len(l.Tasks), URL: join(s.Prefix+"/ui", stage),
		Root: join(s.Prefix+"/ui", append(stage, "tasks")),
	}
}

// Descriptions of each relation from the point of view of the task.
var (
	inputSays = map[view.Relation]string{
		view.RelationFollows: "continues this task",
		view.RelationPlanned: "planned from one of these results",
		view.RelationGathers: "reads all these results",
		view.RelationAfter:   "waited for these and may read their results",
	}
	consumerSays = map[view.Relation]string{
		view.RelationFollows: "is continued by",
		view.RelationPlanned: "tasks planned from the results of this stage",
		view.RelationGathers: "reads all results of this stage",
		view.RelationAfter:   "waits for this stage and may read its results",
	}
)

// loadTaskInput and loadTaskResult return JSON byte for byte as it is stored.
func loadTaskInput(ctx context.Context, s *Server, in *input) (json.RawMessage, error) {
	task, err := s.rawTask(ctx, in)
	if err == nil && task.Input == nil {
		err = state.Errorf(state.CodeNotFound, "web", "The input of the task is computed and not stored.")
	}

	return task.Input, err
}

func loadTaskResult(ctx context.Context, s *Server, in *input) (json.RawMessage, error) {
	task, err := s.rawTask(ctx, in)
	if err == nil && task.Result == nil {
		err = state.Errorf(state.CodeNotFound, "web", "The task has no result.")
	}

	return task.Result, err
}

func (s *Server) rawTask(ctx context.Context, in *input) (view.TaskView, error) {
	id, err := state.ParseJobID(in.params["id"])
	if err != nil {
		return view.TaskView{}, err
	}

	index, err := taskIndex(in.params["index"])
	if err != nil {
		return view.TaskView{}, err
	}

	return s.Reader.ReadTask(ctx, id, in.params["stage"], index)
}
