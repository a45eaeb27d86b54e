package web

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/state"
)

// taskPage is the data of the template "task": one task, what went wrong with
// it first.
type taskPage struct {
	state.TaskView
	Job     state.JobSummary
	TraceID string
	Shown   string // its status in a word of looks
	Most    int    // tries that it has; 0: this build does not know its type
	// the one that runs or comes next, or the last; what users count is
	// failures, never fence numbers
	Try      int
	Took     string
	Retry    *time.Time // when it is tried again
	Summary  string     // the first line of what ended it, or of the last attempt
	Rest     string     // the other lines
	Tries    []tryRow
	Repeated string // why it may have run more than once
	From, To []linkRow
	URL      string // of this page
	Before   string // address of the task before, in index order
	After    string
	Computed bool // the input is made from the job's parameters
}

// tryRow is an attempt, whether it ended well, badly, or not yet.
type tryRow struct {
	Number  int
	Outcome string // a word of looks, or an outcome
	Look    string
	Final   bool
	Started *time.Time
	Took    string
	Running bool
	Worker  string
	Error   string
	Stack   string // of a panic
}

// linkRow is a stage on one side of the task.
type linkRow struct {
	state.TaskLinks
	Says string
	More int
	URL  string // of the stage
	Root string // of its tasks
}

// outcomes are the words and looks of how an attempt ended.
var outcomes = map[state.Outcome]struct{ word, look string }{
	"error": {
		"failed",
		"failed",
	},
	"permanent":   {"failed for good", "failed"},
	"timeout":     {"out of time", "timeout"},
	"lost":        {"worker lost", "timeout"},
	"interrupted": {"interrupted", "timeout"},
	"panic": {
		"panicked",
		"failed",
	},
	"too_large": {"result too large", "failed"},
	"invalid":   {"result not valid", "failed"},
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
			// time is up, or there is something new: it is read either way
			_, _ = s.Wait(ctx, id, job.Version)
		}
	}

	return c, nil
}

// taskIndex reads an index as it stands in an address.
func taskIndex(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, state.Invalid(
			"web",
			"This is no task.",
			state.FieldError{Field: clip(text), Message: "a task's index is a number from 0"},
		)
	}

	return int(n), nil
}

func (s *Server) taskPage(job state.JobView, task state.TaskView) taskPage {
	p := taskPage{
		TaskView: task,
		Job:      job.JobSummary,
		TraceID:  job.TraceID,
		Shown:    taskShown(task),
		Most:     s.mostTries(job.JobType, task.Stage),
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

// taskShown is the status of a task with what is known of where it goes.
func taskShown(t state.TaskView) string {
	switch {
	case t.Dead != "":
		return "dead"
	case t.Status == state.TaskQueued && t.Failures+t.Losses > 0:
		return "retrying"
	}

	return string(t.Status)
}

// tryOf is which try of a task runs or comes next, or was the last. Workers
// that were lost and messages that were sent again raise its attempt, not its
// try.
func tryOf(t state.TaskView) int {
	if t.Status == state.TaskFailed {
		return max(1, t.Failures)
	}

	return t.Failures + 1
}

func (s *Server) mostTries(jobType, stage string) int {
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

// tries are all attempts, the newest first: the record has the unsuccessful
// ones, and the task itself the one that runs or completed.
func tries(t state.TaskView) []tryRow {
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
		state.TaskCancelled: // its last attempt is on record, if there was one
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

// messageOf is the message of an error that is stored with its code.
func messageOf(text string) string {
	var f state.Failure
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &f) == nil && f.Message != "" {
		return f.Message
	}

	return text
}

// repeated says why side effects of the task may have happened more than once.
func repeated(t state.TaskView) string {
	lost := plural(t.Losses, "its worker was lost once", "its worker was lost "+num(t.Losses)+" times")
	switch {
	case t.Losses > 0 && t.Failures > 0:
		return "it failed and " + lost
	case t.Losses > 0:
		return lost
	case len(t.Attempts) > 1 || len(t.Attempts) > 0 && t.Status != state.TaskFailed && t.Status != state.TaskCancelled:
		return "it was tried again after a failure"
	}

	return ""
}

func (s *Server) linkRow(id state.JobID, l state.TaskLinks, says map[state.Relation]string) linkRow {
	stage := []any{"jobs", id, "stages", l.Stage}

	return linkRow{
		TaskLinks: l, Says: says[l.Relation], More: l.Count - len(l.Tasks), URL: join(s.Prefix+"/ui", stage),
		Root: join(s.Prefix+"/ui", append(stage, "tasks")),
	}
}

// What each relation means, seen from the task on this page.
var (
	inputSays = map[state.Relation]string{
		state.RelationFollows: "continues this task",
		state.RelationPlanned: "was planned from one of these results",
		state.RelationGathers: "reads all these results",
		state.RelationAfter:   "waited for these, and may read their results",
	}
	consumerSays = map[state.Relation]string{
		state.RelationFollows: "is continued by",
		state.RelationPlanned: "tasks planned from the results of this stage",
		state.RelationGathers: "gathers all results of this stage",
		state.RelationAfter:   "waits for this stage, and may read its results",
	}
)

// loadTaskInput and loadTaskResult answer JSON as it is stored, byte for byte.
func loadTaskInput(ctx context.Context, s *Server, in *input) (json.RawMessage, error) {
	task, err := s.rawTask(ctx, in)
	if err == nil && task.Input == nil {
		err = state.Errorf(state.CodeNotFound, "web", "The task's input is not stored: it is computed.")
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

func (s *Server) rawTask(ctx context.Context, in *input) (state.TaskView, error) {
	id, err := state.ParseJobID(in.params["id"])
	if err != nil {
		return state.TaskView{}, err
	}

	index, err := taskIndex(in.params["index"])
	if err != nil {
		return state.TaskView{}, err
	}

	return s.Reader.ReadTask(ctx, id, in.params["stage"], index)
}
