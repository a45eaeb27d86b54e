package web

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// taskPage is the data of the template "task": one task, beginning with what
// failed.
type taskPage struct {
	view.TaskView
	Job      view.JobSummary
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
	Empty    int    // deliveries that ran nothing
	Repeated string // why the task may have run more than once
	From, To []linkRow
	URL      string // URL of this page
	Before   string // URL of the previous task in index order
	After    string
	Logs     []taskLog // of the last attempts, newest first
}

// tryRow is an attempt that completed, failed, or has not ended.
type tryRow struct {
	Number  int    // of the try, not of the delivery
	Outcome string // a key of looks, or an outcome
	Look    string
	Final   bool
	Started *time.Time
	Took    string
	Running bool
	Worker  string
	Error   string
	Stack   string // stack of a panic
	URL     string // the attempt in the log system; empty: none
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

	logs, err := s.Reader.ReadTaskLogs(ctx, id, task.Stage, index)
	if err != nil {
		return content{}, err
	}

	api.FillInput(ctx, s.Inputs, &task)
	s.TraceURL.Link(&task)

	p := s.taskPage(job, task)
	p.Logs = taskLogs(task, logs)
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
		Shown:    task.Shown(),
		MaxTries: s.maxTries(job.JobType, task.Stage),
		Try:      task.Try(),
		Took: between(
			task.StartedAt,
			task.FinishedAt,
		),
		URL: join(s.Prefix+"/ui", []any{"jobs", job.JobID, "stages", task.Stage, "tasks", task.Index}),
	}

	p.Summary, p.Rest, _ = strings.Cut(task.ErrorText(), "\n")
	if task.Status == state.TaskQueued && task.Dead == "" && task.DueAt != nil &&
		task.DueAt.After(time.Now()) {
		p.Retry = task.DueAt
	}

	p.Tries, p.Repeated, p.Empty = s.tries(task), repeated(task), task.EmptyDeliveries()

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

func (s *Server) maxTries(jobType, stage string) int {
	declared, _ := state.FindType(s.Types(), jobType)
	for _, st := range declared.Stages {
		if st.Name == stage {
			return st.MaxAttempts
		}
	}

	return 0
}

// tries returns all attempts, newest first. The record contains the
// unsuccessful ones. The task itself contains the one that runs or completed.
func (s *Server) tries(t view.TaskView) []tryRow {
	var rows []tryRow

	last := s.TraceURL.Task(t.JobID, t.TraceID, t.Stage, t.Index, t.Attempt)

	switch t.Status {
	case state.TaskRunning:
		rows = append(
			rows,
			tryRow{
				Number:  t.Try(),
				Outcome: "running",
				Look:    "running",
				Started: t.StartedAt,
				Running: true,
				Worker:  t.Worker,
				URL:     last,
			},
		)
	case state.TaskCompleted:
		rows = append(
			rows,
			tryRow{
				Number:  t.Try(),
				Outcome: "completed",
				Look:    "completed",
				Final:   true,
				Started: t.StartedAt,
				Took:    between(t.StartedAt, t.FinishedAt),
				URL:     last,
			},
		)
	case state.TaskQueued,
		state.TaskFailed,
		state.TaskCancelled: // if there was a last attempt, the record contains it
	}

	numbers := t.TryNumbers()

	for i, a := range t.Attempts {
		said := outcomes[a.Outcome]
		if said.word == "" {
			said.word, said.look = string(a.Outcome), "failed"
		}

		rows = append(rows, tryRow{
			Number:  numbers[i],
			Outcome: said.word,
			Look:    said.look,
			Final:   a.Final && a.Outcome != "permanent",
			Started: a.StartedAt,
			Took:    between(a.StartedAt, &a.EndedAt),
			Worker:  a.Worker,
			Error:   messageOf(a),
			Stack:   a.Stack,
			URL:     a.TraceURL,
		})
	}

	return rows
}

// messageOf returns the message of an attempt's error, which can be stored with
// its code.
func messageOf(a view.AttemptView) string {
	var f state.Failure
	if strings.HasPrefix(a.Error, "{") && json.Unmarshal([]byte(a.Error), &f) == nil && f.Code != "" {
		return view.ErrorText(f.Message, f.Code)
	}

	return view.ErrorText(a.Error, a.Outcome)
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
		err = state.Errorf(state.CodeNotFound, "web", "The input of the task is not available.")
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

// rawTaskOf reads which task the path of a raw document names.
func rawTaskOf(in *input) (id state.JobID, index int, err error) {
	if id, err = state.ParseJobID(in.params["id"]); err != nil {
		return id, 0, err
	}

	index, err = taskIndex(in.params["index"])

	return id, index, err
}

func (s *Server) rawTask(ctx context.Context, in *input) (view.TaskView, error) {
	id, index, err := rawTaskOf(in)
	if err != nil {
		return view.TaskView{}, err
	}

	task, err := s.Reader.ReadTask(ctx, id, in.params["stage"], index)
	if err != nil {
		return view.TaskView{}, err
	}

	api.FillInput(ctx, s.Inputs, &task)

	return task, nil
}
