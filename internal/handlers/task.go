package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"reflect"

	"github.com/go-json-experiment/json"

	"coremachine/internal/state"
)

// Deps holds the external services that handlers and pre-flight checks may use.
// The interfaces are declared in this package and filled once at start-up.
type Deps struct {
	Blobs Blobs // NoBlobs if no storage is configured
}

// Task is one attempt of one task, as its handler sees it.
type Task struct {
	JobID       state.JobID
	JobType     string
	Stage       string // name of the stage
	StageNumber int    // from 0
	Gen         int    // generation of the stage: increases when the stage runs again from the start
	Index       int    // from 0
	Attempt     int    // from 1: claims of this task, including those whose worker was lost
	Failures    int    // attempts that failed before this one
	Total       int    // number of tasks of the stage
	// Key is an idempotency key for effects elsewhere. It is the same for every
	// attempt of this task in this generation.
	Key string
	// Log writes to the log of the process, with the job, stage, task and attempt
	// of each line. The lines of an attempt that does not succeed are also kept
	// for 24 hours, up to 64 KiB for each task, the last ones first.
	Log  *slog.Logger
	Deps Deps

	params   []byte
	lineage  Lineage
	outcome  state.JobOutcome
	emit     func(ctx context.Context, part []byte) error
	progress func(fraction float64, note string)
	part     reflect.Type
}

// TaskSpec holds what NewTask needs. Lineage is nil for a stage that does not
// declare UsesLineage. Emit, Progress and Log may be nil.
type TaskSpec struct {
	JobID       state.JobID
	JobType     string
	Stage       string
	StageNumber int
	Gen         int
	Index       int
	Attempt     int
	Failures    int
	Total       int
	Key         string
	Log         *slog.Logger
	Deps        Deps
	Params      []byte // the job's parameters as canonical JSON
	Lineage     Lineage
	Outcome     state.JobOutcome // of the job, for a task of a finally stage
	Emit        func(ctx context.Context, part []byte) error
	Progress    func(fraction float64, note string)
}

// NewTask returns a Task for a spec.
func NewTask(s TaskSpec) Task {
	t := Task{
		JobID:       s.JobID,
		JobType:     s.JobType,
		Stage:       s.Stage,
		StageNumber: s.StageNumber,
		Gen:         s.Gen,
		Index:       s.Index,
		Attempt:     s.Attempt,
		Failures:    s.Failures,
		Total:       s.Total,
		Log:         s.Log,
		Deps:        s.Deps,
		Key:         s.Key,
		params:      s.Params,
		lineage:     s.Lineage,
		outcome:     s.Outcome,
		emit:        s.Emit,
		progress:    s.Progress,
	}
	t.Log = t.logger()

	return t
}

func (t Task) logger() *slog.Logger {
	if t.Log == nil {
		return slog.New(slog.DiscardHandler)
	}

	return t.Log
}

// Emit stores one part of a long output, at most state.MaxResult bytes of JSON.
// Readers see parts in the order in which they were emitted, and only the parts
// of the attempt that completes. The errors are CodeInvalidResult,
// CodeResultTooLarge, CodePermanent if the part is not of the type declared
// with Emits, and the errors of storing it.
func (t Task) Emit(ctx context.Context, part any) error {
	const op = "handlers.Emit"
	if t.part != nil && reflect.TypeOf(part) != t.part {
		return state.Errorf(
			state.CodePermanent,
			op,
			"the handler emits %s, but declares Emits[%s]",
			reflect.TypeOf(part),
			t.part,
		)
	}

	if t.emit == nil {
		return state.Errorf(state.CodePermanent, op, "this task cannot emit parts")
	}

	b, err := Encode(part)
	if err != nil {
		return err
	}

	return t.emit(ctx, b)
}

// Progress reports how far the attempt is, from 0 to 1, with a note for people.
// It is a hint and may be dropped.
func (t Task) Progress(fraction float64, note string) {
	if t.progress == nil {
		return
	}

	if math.IsNaN(fraction) {
		fraction = 0
	}

	t.progress(min(max(fraction, 0), 1), state.CleanText(note))
}

// JobOutcome is how a job ends, as its finally stages see it.
type JobOutcome = state.JobOutcome

// Outcome returns how the job of a task of a finally stage ends. In any other
// stage it returns the zero value.
func Outcome(t Task) JobOutcome { return t.outcome }

// Params returns the job's parameters with defaults applied. If they are not a
// valid P, the error has CodePermanent.
func Params[P any](t Task) (P, error) {
	var p P
	if err := json.Unmarshal(t.params, &p); err != nil {
		return p, state.Wrap(
			state.CodePermanent,
			"handlers.Params",
			fmt.Sprintf("the job's parameters are not a %T", p),
			err,
		)
	}

	return p, nil
}
