package coremachine

import (
	"context"
	"encoding/json"
	"sync"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"

	"github.com/google/uuid"
)

// ProgressWriter stores what running handlers report.
type ProgressWriter interface {
	Progress(ctx context.Context, worker uuid.UUID, reports []state.ProgressReport) error
}

// progress is what the running handlers of one message have reported and the
// heartbeat has not carried yet.
type progress struct {
	mu    sync.Mutex
	tasks map[int]state.TaskProgress
	fresh bool
}

// noteMost bounds a note, in bytes.
const noteMost = 200

func (p *progress) set(index int, fraction float64, note string) {
	note = state.CleanText(note)

	p.mu.Lock()
	defer p.mu.Unlock()

	if p.tasks == nil {
		p.tasks = map[int]state.TaskProgress{}
	}

	p.tasks[index] = state.TaskProgress{Fraction: fraction, Note: note[:min(len(note), noteMost)]}
	p.fresh = true
}

// over forgets a task whose attempt has ended.
func (p *progress) over(index int) {
	p.mu.Lock()
	defer p.mu.Unlock()

	delete(p.tasks, index)
}

// take returns the reports as JSON, nil where nothing is new.
func (p *progress) take() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()

	if !p.fresh {
		return nil
	}

	p.fresh = false

	b, err := json.Marshal(p.tasks)
	if err != nil { // a NaN cannot be encoded, so there is nothing to report
		return nil
	}

	return b
}

// reportProgress sends what is new. A report that is lost is made up for by the
// next.
func (m *Machine) reportProgress(ctx context.Context, s *session) {
	var reports []state.ProgressReport

	s.mu.Lock()
	for _, h := range s.inFlight {
		if !h.claimed.Load() {
			continue
		}

		if b := h.progress.take(); b != nil {
			reports = append(
				reports,
				state.ProgressReport{JobID: h.JobID, MessageID: h.MessageID, Attempt: h.Attempt, JSON: b},
			)
		}
	}
	s.mu.Unlock()

	if len(reports) == 0 {
		return
	}

	if err := m.store.Progress(ctx, s.worker, reports); err != nil {
		m.log.Debug("progress was not stored", keys.Error, err)
	}
}
