package handlers

import (
	"context"
	"fmt"
	"iter"

	"github.com/go-json-experiment/json"

	"coremachine/internal/state"
)

// Lineage is a task's view of what earlier stages produced; the engine
// implements it. A read that fails is the engine's error and worth a retry.
type Lineage interface {
	// Predecessor returns the result of the task that this one follows, as
	// JSON.
	Predecessor(ctx context.Context) ([]byte, error)
	// Results streams the completed results of an earlier stage in index order,
	// the parts of each task among them. A skipped or empty stage has none.
	Results(ctx context.Context, stage string) iter.Seq2[StoredResult, error]
}

// StoredResult is a result, or one part of it, as it was stored.
type StoredResult struct {
	Index int    // of the task that produced it
	Part  int    // number of the part from 0; -1: the result itself
	Data  []byte // JSON
}

// Predecessor returns the result of the task that this one follows. Apart from
// errors of reading it, the error is CodePermanent: the stage does not declare
// UsesLineage, follows no task, or the stored result is no Out.
func Predecessor[Out any](ctx context.Context, t Task) (Out, error) {
	var out Out
	if t.lineage == nil {
		return out, noLineage("handlers.Predecessor", t)
	}

	b, err := t.lineage.Predecessor(ctx)
	if err != nil {
		return out, err
	}

	err = decodeStored("handlers.Predecessor", b, &out)

	return out, err
}

// Results streams the results of an earlier stage in index order: one at a time
// is in memory. It ends after the first error; errors are as those of
// Predecessor.
func Results[Out any](ctx context.Context, t Task, stage string) iter.Seq2[Out, error] {
	return Decode[Out](stored(ctx, t, stage), func(r StoredResult) bool { return r.Part < 0 })
}

// Parts streams the parts that the tasks of an earlier stage emitted, in index
// order and within a task in the order in which it emitted them. It ends after
// the first error; errors are as those of Predecessor.
func Parts[P any](ctx context.Context, t Task, stage string) iter.Seq2[P, error] {
	return Decode[P](stored(ctx, t, stage), func(r StoredResult) bool { return r.Part >= 0 })
}

func stored(ctx context.Context, t Task, stage string) iter.Seq2[StoredResult, error] {
	if t.lineage == nil {
		return func(yield func(StoredResult, error) bool) { yield(StoredResult{}, noLineage("handlers.Results", t)) }
	}

	return t.lineage.Results(ctx, stage)
}

// Decode turns the stored results that keep admits into values. It ends after
// the first error; that of a result which is no T has CodePermanent.
func Decode[T any](results iter.Seq2[StoredResult, error], keep func(StoredResult) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for r, err := range results {
			var v T

			if err == nil && !keep(r) {
				continue
			}

			if err == nil {
				err = decodeStored("handlers.Decode", r.Data, &v)
			}

			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Fields that the reader does not know are let pass: what was stored may be of
// a newer build.
func decodeStored[T any](op string, b []byte, into *T) error {
	if err := json.Unmarshal(b, into); err != nil {
		return state.Wrap(state.CodePermanent, op, fmt.Sprintf("the stored result is no %T", *into), err)
	}

	return nil
}

func noLineage(op string, t Task) error {
	return state.Errorf(
		state.CodePermanent,
		op,
		"stage %s reads earlier results but does not declare UsesLineage",
		t.Stage,
	)
}
