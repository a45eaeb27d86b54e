package coremachine

import (
	"context"
	"iter"
	"sync"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// lineage is what the tasks of one bundle share of their view of earlier stages.
type lineage struct {
	store   Store
	s       *session
	job     state.JobID
	shape   state.Parallelism
	source  int             // match_previous: the stage it follows
	earlier map[string]bool // stages that have ended when this one runs; nil: all
	first   int
	count   int

	mu    sync.Mutex
	pages map[int]map[int][]byte
}

// predecessorPage bounds how many predecessors' results one read brings into memory. What many bundles ask for at once is one read.
const predecessorPage = 100

func (m *Machine) newLineage(s *session, h *holding, job define.Job) *lineage {
	l := &lineage{store: m.store, s: s, job: h.JobID, shape: h.Shape, first: h.First, count: h.Count, earlier: map[string]bool{}}
	if len(h.DependsOn) > 0 {
		l.source = int(h.DependsOn[0])
	}
	stages := job.Stages()
	var visit func(stage int)
	visit = func(stage int) {
		if stage >= len(stages) || l.earlier[stages[stage].Name] {
			return
		}
		l.earlier[stages[stage].Name] = true
		for _, d := range stages[stage].DependsOn {
			visit(d)
		}
	}
	for _, d := range h.DependsOn {
		visit(int(d))
	}
	return l
}

func (l *lineage) of(index int) handlers.Lineage { return taskLineage{l, index} }

type taskLineage struct {
	*lineage
	index int
}

// Predecessor reads the results that a page of the bundle follows once, for all of its tasks.
func (t taskLineage) Predecessor(ctx context.Context) ([]byte, error) {
	if t.shape != state.MatchPrevious {
		return nil, handlers.Permanent(state.Errorf(state.CodePermanent, "coremachine.Predecessor", "only a task of a match_previous stage has a predecessor"))
	}
	page := (t.index - t.first) / predecessorPage
	t.mu.Lock()
	defer t.mu.Unlock()
	results, ok := t.pages[page]
	if !ok {
		from := t.first + page*predecessorPage
		var err error
		results, err = t.read(ctx, state.ResultRange{JobID: t.job, Stage: t.source, First: from, Count: min(predecessorPage, t.first+t.count-from)})
		if err != nil {
			return nil, err
		}
		if t.pages == nil {
			t.pages = map[int]map[int][]byte{}
		}
		t.pages[page] = results
	}
	result, ok := results[t.index]
	if !ok {
		return nil, state.Errorf(state.CodePredecessorFailed, "coremachine.Predecessor", "the task that this one follows has no result")
	}
	return result, nil
}

func (l *lineage) read(ctx context.Context, r state.ResultRange) (map[int][]byte, error) {
	read := make(chan struct{})
	var found map[int][]byte
	var failed error
	l.s.before.add(ctx, r, func(results map[int][]byte, err error) {
		found, failed = results, err
		close(read)
	})
	select {
	case <-read:
		return found, failed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Results streams what an earlier stage produced.
func (t taskLineage) Results(ctx context.Context, stage string) iter.Seq2[handlers.StoredResult, error] {
	return t.results(ctx, stage)
}

func (l *lineage) results(ctx context.Context, stage string) iter.Seq2[handlers.StoredResult, error] {
	return func(yield func(handlers.StoredResult, error) bool) {
		if l.earlier != nil && !l.earlier[stage] {
			yield(handlers.StoredResult{}, handlers.Permanent(state.Errorf(state.CodePermanent, "coremachine.Results",
				"stage %q is not one that this stage depends on", stage)))
			return
		}
		for p, err := range l.store.Results(ctx, l.job, stage) {
			if !yield(handlers.StoredResult{Index: p.Index, Part: p.Part, Data: p.Data}, err) || err != nil {
				return
			}
		}
	}
}

// jobLineage is the view of a result function: every stage, no predecessor.
func (m *Machine) jobLineage(id state.JobID) handlers.Lineage {
	return taskLineage{&lineage{store: m.store, job: id}, 0}
}
