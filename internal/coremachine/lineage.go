package coremachine

import (
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// ResultReader reads the results of earlier stages.
type ResultReader interface {
	Predecessors(ctx context.Context, ranges []state.ResultRange) ([]state.ResultPage, error)
	Results(ctx context.Context, id state.JobID, declared state.StageShape) iter.Seq2[state.StoredPart, error]
}

// lineage is what the tasks of one bundle share of their view of earlier
// stages.
type lineage struct {
	store    ResultReader
	s        *session
	job      state.JobID
	decl     define.Job // in the running build
	shape    state.Parallelism
	source   int                      // match_previous: the stored number of the stage that it follows
	other    *mismatch                // that stage is not as the build declares it; nil: it is
	earlier  map[string]bool          // stages that this one may read; nil: all
	panicked atomic.Pointer[error]    // set when the engine panicked in a call of user code
	changed  atomic.Pointer[mismatch] // set when a stage was asked for that is not stored as declared
	waiting  atomic.Int32             // number of tasks that wait for a page
	reading  atomic.Int64             // how many nanoseconds the reads of pages took
	first    int
	count    int

	mu    sync.Mutex
	ahead []resultPage // read ahead, the oldest first
	bytes int          // of them
	large bool         // a page was cut short by its bytes: pages begin where they are asked for
}

// Bounds of predecessors' results. predecessorPage is the maximum number in a
// page, which is enough for a bundle whose size the engine chose. readRows is the
// maximum number that one read brings into memory, for the bundles that wait for
// it; the read is also bounded in bytes. aheadBytes is the maximum size of the
// results that a bundle has read ahead.
const (
	predecessorPage = 256
	readRows        = 4 * predecessorPage
	aheadBytes      = 8 << 20
)

// resultPage is what was read of a range.
type resultPage struct {
	state.ResultPage
	first int
	bytes int
}

func (p *resultPage) covers(index int) bool { return p.first <= index && index < p.Until }

// startReadAhead starts the reader of predecessors' results. Reads that wait for
// it share one statement.
func (m *Machine) startReadAhead(ctx context.Context) *batcher[state.ResultRange, state.ResultPage] {
	count := func(r state.ResultRange) int { return r.Count }

	return startLimited(
		ctx,
		1,
		batchLimit[state.ResultRange]{most: readRows, rows: count},
		m.store.Predecessors,
	)
}

func (m *Machine) newLineage(s *session, h *inFlight, d declaration) *lineage {
	l := &lineage{
		store:   m.store,
		s:       s,
		job:     h.JobID,
		decl:    d.job,
		shape:   h.Shape,
		other:   sourceOf(&h.ClaimedMessage, d),
		first:   h.First,
		count:   h.Count,
		earlier: map[string]bool{},
	}
	if len(h.DependsOn) > 0 {
		l.source = int(h.DependsOn[0])
	}

	if h.Predecessors != nil {
		l.keep(newPage(h.First, *h.Predecessors))
	}

	stages := d.job.Stages()

	var visit func(stage int)

	visit = func(stage int) {
		if l.earlier[stages[stage].Name] {
			return
		}

		l.earlier[stages[stage].Name] = true
		for _, d := range stages[stage].DependsOn {
			visit(d)
		}
	}
	for _, earlier := range stages[d.number].DependsOn {
		visit(earlier)
	}

	if !h.Finally {
		return l
	}

	for _, stage := range stages[:d.number] { // a finally stage reads the results that exist
		if !stage.Finally {
			l.earlier[stage.Name] = true
		}
	}

	return l
}

func (l *lineage) of(index int) *taskLineage { return &taskLineage{lineage: l, index: index} }

// taskLineage is the view of one attempt.
type taskLineage struct {
	*lineage
	index  int
	waited atomic.Int64 // how many nanoseconds the attempt waited for a page
}

// Predecessor reads the results that a page of the bundle follows once, for all
// of its tasks.
func (t *taskLineage) Predecessor(ctx context.Context) ([]byte, error) {
	if t.shape != state.MatchPrevious {
		return nil, handlers.Permanent(
			state.Errorf(
				state.CodePermanent,
				"coremachine.Predecessor",
				"only a task of a match_previous stage has a predecessor",
			),
		)
	}

	if t.other != nil {
		return nil, t.notAsDeclared(t.other)
	}

	page, err := t.await(ctx)
	if err != nil {
		return nil, err
	}

	result, ok := page.Results[t.index]
	if !ok {
		return nil, state.Errorf(
			state.CodePredecessorFailed,
			"coremachine.Predecessor",
			"the task that this one follows has no result",
		)
	}

	return result, nil
}

// await returns the page of the attempt, and counts the time. A page serves the
// whole bundle, so the time says nothing about how long the task takes.
func (t *taskLineage) await(ctx context.Context) (resultPage, error) {
	begin := time.Now()

	t.waiting.Add(1)

	defer func() {
		t.waiting.Add(-1)
		t.waited.Add(int64(time.Since(begin)))
	}()

	return t.page(ctx, t.index)
}

// page returns the page that covers an index. It is read where it is not there;
// one reader of the bundle reads at a time.
func (l *lineage) page(ctx context.Context, index int) (resultPage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	for i := range l.ahead {
		if l.ahead[i].covers(index) {
			return l.ahead[i], nil
		}
	}

	from := l.first + (index-l.first)/predecessorPage*predecessorPage
	if l.large {
		from = index
	}

	for {
		page, err := l.readPage(ctx, from)
		if err != nil {
			return resultPage{}, err
		}

		l.keep(page)

		if page.covers(index) {
			return page, nil
		}

		l.large, from = true, index
	}
}

func (l *lineage) readPage(ctx context.Context, from int) (resultPage, error) {
	count := min(predecessorPage, l.first+l.count-from)

	begin := time.Now()
	defer func() { l.reading.Add(int64(time.Since(begin))) }()

	read, err := l.read(ctx, state.ResultRange{JobID: l.job, Stage: l.source, First: from, Count: count})
	if err != nil {
		return resultPage{}, err
	}

	return newPage(from, read), nil
}

func newPage(from int, read state.ResultPage) resultPage {
	page := resultPage{ResultPage: read, first: from}
	for _, result := range read.Results {
		page.bytes += len(result)
	}

	return page
}

// keep adds a page that was read ahead and drops the oldest ones over the
// bound. A task that comes back to them reads again.
func (l *lineage) keep(page resultPage) {
	l.ahead, l.bytes = append(l.ahead, page), l.bytes+page.bytes
	for len(l.ahead) > 1 && l.bytes > aheadBytes {
		l.bytes -= l.ahead[0].bytes
		l.ahead = slices.Delete(l.ahead, 0, 1)
	}

	if !page.Whole {
		l.large = true
	}
}

func (l *lineage) read(ctx context.Context, r state.ResultRange) (state.ResultPage, error) {
	read := make(chan struct{})

	var (
		found  state.ResultPage
		failed error
	)

	l.s.before.add(ctx, r, func(page state.ResultPage, err error) {
		found, failed = page, err

		close(read)
	})

	select {
	case <-read:
		return found, failed
	case <-ctx.Done():
		return state.ResultPage{}, context.Cause(ctx)
	}
}

// Results streams what an earlier stage produced.
func (t *taskLineage) Results(ctx context.Context, stage string) iter.Seq2[handlers.StoredResult, error] {
	return t.results(ctx, stage)
}

func (l *lineage) results(ctx context.Context, stage string) iter.Seq2[handlers.StoredResult, error] {
	return func(yield func(handlers.StoredResult, error) bool) {
		if l.earlier != nil && !l.earlier[stage] {
			yield(
				handlers.StoredResult{},
				handlers.Permanent(state.Errorf(state.CodePermanent, "coremachine.Results",
					"stage %q is not one that this stage depends on", stage)),
			)

			return
		}

		declared := shapeOf(l.decl, stage)

		declared.Name = stage
		if err := l.stream(ctx, declared, yield); err != nil {
			yield(handlers.StoredResult{}, err)
		}
	}
}

// stream yields what is stored of a stage. It returns the error of a panic in
// the store, which the recover around user code must not take for the user's; a
// panic of the consumer passes.
func (l *lineage) stream(
	ctx context.Context,
	stage state.StageShape,
	yield func(handlers.StoredResult, error) bool,
) (err error) {
	consuming := false
	defer func() {
		if consuming {
			return
		}

		if v := recover(); v != nil {
			err = l.storePanicked(
				state.Panicked(state.CodeEnginePanic, "coremachine.Results", "the engine", v),
			)
		}
	}()

	for p, err := range l.store.Results(ctx, l.job, stage) {
		if state.CodeOf(err) == state.CodeDefinitionChanged {
			err = l.notAsDeclared(changed(failureText(err)))
		}

		consuming = true
		more := yield(handlers.StoredResult{Index: p.Index, Part: p.Part, Data: p.Data}, err)
		consuming = false

		if !more || err != nil {
			return nil
		}
	}

	return nil
}

// storePanicked records that the engine panicked in a call of user code. The
// record does not depend on what the user code does with the error.
func (l *lineage) storePanicked(err error) error {
	l.panicked.CompareAndSwap(nil, &err)
	return err
}

// notAsDeclared records why this build cannot do the work. The record does not
// depend on what the handler does with the error.
func (l *lineage) notAsDeclared(why *mismatch) error {
	l.changed.Store(why)
	return why
}

// jobLineage is the view of a result function: every stage, no predecessor.
func (m *Machine) jobLineage(id state.JobID, job define.Job) *lineage {
	return &lineage{store: m.store, job: id, decl: job}
}
