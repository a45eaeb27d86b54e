package handlers

import (
	"context"
	"fmt"
	"iter"

	"github.com/go-json-experiment/json"

	"coremachine/internal/state"
)

// Lineage is a task's view of the results of earlier stages. The engine
// implements it. A failed read is an error of the engine, and a retry can help.
type Lineage interface {
	// Predecessor returns, as JSON, the result of the task that this one
	// follows.
	Predecessor(ctx context.Context) ([]byte, error)
	// Results streams the completed results of an earlier stage in index order,
	// including the parts of each task. A skipped or empty stage has none.
	Results(ctx context.Context, stage string) iter.Seq2[StoredResult, error]
}

// StoredResult is a stored result, or one part of it.
type StoredResult struct {
	Index int    // index of the task that produced it
	Part  int    // number of the part from 0, or -1 for the result itself
	Data  []byte // JSON
}

// Predecessor returns the result of the task that this one follows. If the
// stage does not declare UsesLineage, the task follows no other task, or the
// stored result is not a valid Out, the error has CodePermanent. Other errors
// are those of reading the result.
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

// Results streams the results of an earlier stage in index order. It holds one
// result at a time in memory and ends after the first error. The errors are
// those of Predecessor.
func Results[Out any](ctx context.Context, t Task, stage string) iter.Seq2[Out, error] {
	return Decode[Out](stored(ctx, t, stage), func(r StoredResult) bool { return r.Part < 0 })
}

// Parts streams the parts that the tasks of an earlier stage emitted, in index
// order and, within a task, in the order in which the task emitted them. It
// ends after the first error. The errors are those of Predecessor.
func Parts[P any](ctx context.Context, t Task, stage string) iter.Seq2[P, error] {
	return Decode[P](stored(ctx, t, stage), func(r StoredResult) bool { return r.Part >= 0 })
}

func stored(ctx context.Context, t Task, stage string) iter.Seq2[StoredResult, error] {
	if t.lineage == nil {
		return func(yield func(StoredResult, error) bool) { yield(StoredResult{}, noLineage("handlers.Results", t)) }
	}

	return t.lineage.Results(ctx, stage)
}

// Decode converts the stored results that keep admits into values. It ends
// after the first error. If a result is not a valid T, the error has
// CodePermanent.
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

// decodeStored ignores fields that T does not have, because a newer build may
// have stored the result.
func decodeStored[T any](op string, b []byte, into *T) error {
	if err := json.Unmarshal(b, into); err != nil {
		return state.Wrap(state.CodePermanent, op, fmt.Sprintf("the stored result is not a %T", *into), err)
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
