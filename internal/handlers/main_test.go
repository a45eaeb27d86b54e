package handlers

import (
	"context"
	"iter"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// storedResults is a lineage that returns the same results for every stage. The
// task follows the first of them.
type storedResults struct {
	all []StoredResult
	err error // returned after all results
}

func (s storedResults) Predecessor(context.Context) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}

	return s.all[0].Data, nil
}

func (s storedResults) Results(context.Context, string) iter.Seq2[StoredResult, error] {
	return func(yield func(StoredResult, error) bool) {
		for _, r := range s.all {
			if !yield(r, nil) {
				return
			}
		}

		if s.err != nil {
			yield(StoredResult{}, s.err)
		}
	}
}
