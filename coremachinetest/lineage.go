package coremachinetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// FakeLineage is a Lineage with results that a test sets. Like the engine, it
// encodes and decodes them as JSON, and refuses stages that the test does not
// name.
type FakeLineage struct {
	t       testing.TB
	follows []byte
	stages  map[string][]handlers.StoredResult
	err     error
}

// NewLineage returns a FakeLineage without results, for the Lineage of a
// TaskSpec.
func NewLineage(t testing.TB) *FakeLineage {
	t.Helper()

	return &FakeLineage{t: t, stages: map[string][]handlers.StoredResult{}}
}

// Follows sets the result of the task that the task follows, which Predecessor
// returns. nil means that it did not complete.
func (l *FakeLineage) Follows(result any) *FakeLineage {
	l.t.Helper()

	l.follows = nil
	if result != nil {
		l.follows = l.encode(result)
	}

	return l
}

// Stage sets the results of an earlier stage, by index from 0. nil stands for a
// task that did not complete. Without results, the stage is skipped or empty.
func (l *FakeLineage) Stage(name string, results ...any) *FakeLineage {
	l.t.Helper()

	stored := []handlers.StoredResult{}

	for index, result := range results {
		if result != nil {
			stored = append(stored, handlers.StoredResult{Index: index, Part: -1, Data: l.encode(result)})
		}
	}

	l.stages[name] = stored

	return l
}

// Parts adds the parts that a task of an earlier stage emitted. Set the results
// of the stage first. A task without a result has not completed, and no task
// reads its parts.
func (l *FakeLineage) Parts(stage string, index int, parts ...any) *FakeLineage {
	l.t.Helper()

	for place, one := range l.stages[stage] {
		if one.Index != index || one.Part >= 0 {
			continue
		}

		var stored []handlers.StoredResult
		for number, part := range parts {
			stored = append(stored, handlers.StoredResult{Index: index, Part: number, Data: l.encode(part)})
		}

		// Readers see the parts of a task, and then its result.
		l.stages[stage] = slices.Insert(l.stages[stage], place, stored...)

		return l
	}

	l.t.Fatalf("the stage %q has no result with the index %d: set it with Stage first", stage, index)

	return l
}

// Fail makes every read fail with an error, as when the database is away.
func (l *FakeLineage) Fail(err error) *FakeLineage {
	l.err = err

	return l
}

func (l *FakeLineage) encode(value any) []byte {
	l.t.Helper()

	data, err := handlers.Encode(value)
	if err != nil {
		l.t.Fatalf("%T cannot be a result: %v", value, err)
	}

	return data
}

// Predecessor implements Lineage.
func (l *FakeLineage) Predecessor(context.Context) ([]byte, error) {
	switch {
	case l.err != nil:
		return nil, l.err
	case l.follows == nil:
		return nil, state.Errorf(
			state.CodePredecessorFailed,
			"coremachinetest.Predecessor",
			"the task that this one follows has no result",
		)
	}

	return l.follows, nil
}

// Results implements Lineage.
func (l *FakeLineage) Results(_ context.Context, stage string) iter.Seq2[handlers.StoredResult, error] {
	return func(yield func(handlers.StoredResult, error) bool) {
		stored, known := l.stages[stage]

		err := l.err
		if err == nil && !known {
			err = handlers.Permanent(fmt.Errorf("stage %q is not one that this stage depends on", stage))
		}

		if err != nil {
			yield(handlers.StoredResult{}, err)
			return
		}

		for _, one := range stored {
			if !yield(one, nil) {
				return
			}
		}
	}
}

// Emitted collects the parts that a handler emits. Use its method Emit as the
// Emit of a TaskSpec.
type Emitted struct{ Parts []string } // JSON

// Emit stores one part. It refuses parts as the engine does if ctx has ended.
func (e *Emitted) Emit(ctx context.Context, part []byte) error {
	if err := ctx.Err(); err != nil {
		return errors.Join(context.Cause(ctx), err)
	}

	e.Parts = append(e.Parts, string(part))

	return nil
}
