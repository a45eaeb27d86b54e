package handlers

import (
	"context"
	"iter"
	"log/slog"

	"github.com/go-json-experiment/json"

	"coremachine/internal/state"
)

// Deps are the services that handlers use. Each is an interface declared in this package and filled by app, so that a handler names
// what it needs and no more.
type Deps struct{}

// Task is one attempt of one task, as its handler sees it.
type Task struct {
	JobID       state.JobID
	JobType     string
	Stage       string
	StageNumber int
	Gen         int
	Index       int    // 0-based place in the stage
	Attempt     int    // 1-based; may skip numbers where a process was lost
	Failures    int    // unsuccessful attempts before this one
	Total       int    // tasks in the stage
	Key         string // idempotency key: the same for every attempt
	Log         *slog.Logger
	Deps        Deps

	params   []byte
	lineage  Lineage
	emit     func(ctx context.Context, part []byte) error
	progress func(fraction float64, note string)
}

// TaskSpec is what the engine makes a Task from.
type TaskSpec struct {
	JobID                                             state.JobID
	JobType, Stage                                    string
	StageNumber, Gen, Index, Attempt, Failures, Total int
	Key                                               string
	Log                                               *slog.Logger
	Deps                                              Deps
	Params                                            []byte
	Lineage                                           Lineage
	Emit                                              func(ctx context.Context, part []byte) error
	Progress                                          func(fraction float64, note string)
}

// NewTask makes a Task.
func NewTask(s TaskSpec) Task {
	return Task{
		JobID: s.JobID, JobType: s.JobType, Stage: s.Stage, StageNumber: s.StageNumber, Gen: s.Gen, Index: s.Index,
		Attempt: s.Attempt, Failures: s.Failures, Total: s.Total, Key: s.Key, Log: s.Log, Deps: s.Deps,
		params: s.Params, lineage: s.Lineage, emit: s.Emit, progress: s.Progress,
	}
}

func (t Task) logger() *slog.Logger {
	if t.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return t.Log
}

// Emit stores one part of a long output, at most state.MaxResult bytes of JSON. Parts are kept in order under this attempt, and read
// by planners and fan-ins once it has completed. An error means that the attempt is over: return it.
func (t Task) Emit(ctx context.Context, part any) error {
	b, err := Encode(part)
	if err != nil {
		return err
	}
	if t.emit == nil {
		return state.Errorf(state.CodeInternal, "handlers.Emit", "this task cannot emit")
	}
	return t.emit(ctx, b)
}

// Progress tells how far the attempt is, 0 to 1, with a note for people. It is a hint and may be dropped.
func (t Task) Progress(fraction float64, note string) {
	if t.progress != nil {
		t.progress(min(max(fraction, 0), 1), note)
	}
}

// Lineage is a task's view of what earlier stages produced. The engine implements it.
type Lineage interface {
	// Predecessor returns the result of the task that this one follows, as JSON.
	Predecessor(ctx context.Context) ([]byte, error)
	// Results streams the completed results of a stage in index order, the parts of each before it.
	Results(ctx context.Context, stage string) iter.Seq2[StoredResult, error]
}

// StoredResult is a result, or one part of it, as JSON.
type StoredResult struct {
	Index int
	Part  int // -1: the result itself
	Data  []byte
}

// Params returns the job's parameters.
func Params[P any](t Task) (P, error) {
	var p P
	if err := decode(t.params, &p); err != nil {
		return p, Permanent(err)
	}
	return p, nil
}

// Predecessor returns the result of the task that this one follows: of a match_previous stage, task i's is task i of the stage
// before it.
func Predecessor[Out any](ctx context.Context, t Task) (Out, error) {
	var out Out
	b, err := t.lineage.Predecessor(ctx)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, Permanent(err)
	}
	return out, nil
}

// Results streams the results of an earlier stage in index order. A million of them take the memory of a page.
func Results[Out any](ctx context.Context, t Task, stage string) iter.Seq2[Out, error] {
	return Decode[Out](t.lineage.Results(ctx, stage), func(r StoredResult) bool { return r.Part < 0 })
}

// Parts streams what the tasks of an earlier stage emitted, in order.
func Parts[Part any](ctx context.Context, t Task, stage string) iter.Seq2[Part, error] {
	return Decode[Part](t.lineage.Results(ctx, stage), func(r StoredResult) bool { return r.Part >= 0 })
}

// Decode turns stored results that keep admits into values; it ends at the first error.
func Decode[Out any](stored iter.Seq2[StoredResult, error], keep func(StoredResult) bool) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		for r, err := range stored {
			var out Out
			if err == nil && !keep(r) {
				continue
			}
			if err == nil {
				if err = json.Unmarshal(r.Data, &out); err != nil {
					err = Permanent(err)
				}
			}
			if !yield(out, err) || err != nil {
				return
			}
		}
	}
}
