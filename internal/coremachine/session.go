package coremachine

import (
	"context"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/state"
)

// flushers is the number of batches of completions that are written
// concurrently. One batch fills while the other one waits for the disk.
const flushers = 2

// session is one lease: a worker id, what it holds, and the group commits made
// in its name.
type session struct {
	worker  uuid.UUID
	ctx     context.Context
	end     context.CancelCauseFunc
	term    term        // ends the session before its lease can end
	landing landing     // whether completions land
	renewed atomic.Bool // since look took notice

	losing sync.Once
	lost   []state.ClaimedMessage // what it held when its lease was lost

	intake      context.Context // ends when the process drains: no message is claimed any more
	closeIntake context.CancelFunc

	mu       sync.Mutex
	inFlight map[workKey]*inFlight

	claims *batcher[state.Message, *state.ClaimedMessage]
	before *batcher[state.ResultRange, state.ResultPage]
	ends   [flushers]*batcher[[]taskEnd, struct{}]
}

type workKey struct {
	job     state.JobID
	message int64
}

// inFlight is a message that this process works on, from before its claim to
// after its last completion.
type inFlight struct {
	state.ClaimedMessage
	ctx     context.Context
	cancel  context.CancelCauseFunc
	done    chan struct{} // closed when the work is over, err is set before
	err     error
	claimed atomic.Bool
	at      time.Time // when the claim was answered, by the process's clock

	slot    bool // a slot is reserved for the first task; of the goroutine that works on the message
	suspect bool // it has the process's place for a suspect task; of the same goroutine

	progress progress
}

func (m *Machine) newSession(ctx context.Context, worker uuid.UUID) *session {
	s := &session{worker: worker, inFlight: map[workKey]*inFlight{}}
	s.ctx, s.end = context.WithCancelCause(ctx)
	s.term.end, s.term.slack = s.lose, m.cfg.Lease/10
	s.intake, s.closeIntake = context.WithCancel(s.ctx)
	s.claims = startBatcher(
		s.ctx,
		1,
		500,
		func(ctx context.Context, msgs []state.Message) ([]*state.ClaimedMessage, error) {
			return m.flushClaims(ctx, s, msgs)
		},
	)
	s.before = m.startReadAhead(s.ctx)

	for i := range s.ends {
		limit := batchLimit[[]taskEnd]{
			most:  endsBatch,
			rows:  func(ends []taskEnd) int { return len(ends) },
			bytes: bytesOf,
		}
		s.ends[i] = startLimited(
			s.ctx,
			1,
			limit,
			func(ctx context.Context, lists [][]taskEnd) ([]struct{}, error) {
				s.landing.begin(i)

				err := catch(
					"coremachine.flushEnds",
					func() error { return m.flushEnds(ctx, s, slices.Concat(lists...)) },
				)
				if state.CodeOf(err) != state.CodeUnavailable { // else it is tried again
					s.landing.end(i)
				}

				return make([]struct{}, len(lists)), err
			},
		)
	}

	return s
}

// endsBatch is the maximum number of ends in one group commit.
const endsBatch = 1000

// A stage of at least manyTasks tasks, in bundles of at least largeBundle, uses
// all flushers.
const (
	manyTasks   = 1000
	largeBundle = 16
)

// lose ends the session for want of a lease, and keeps what it held for rejoin.
func (s *session) lose() {
	s.losing.Do(func() {
		s.term.stop()
		s.mu.Lock()
		for _, h := range s.inFlight {
			if h.claimed.Load() {
				s.lost = append(s.lost, h.ClaimedMessage)
			}
		}
		s.mu.Unlock()
		s.end(errLeaseLost)
	})
}

// flusher is where a message's ends go: always the same, so that flushes do not
// wait for each other's rows. Those of a small job go the same way all, since
// each flush locks its stage until what follows of it is committed.
func (s *session) flusher(h *state.ClaimedMessage) *batcher[[]taskEnd, struct{}] {
	if h.Total < manyTasks || h.Count < largeBundle {
		return s.ends[int(h.JobID[0])%flushers]
	}

	return s.ends[h.MessageID%flushers]
}

func (s *session) wait() {
	s.claims.wg.Wait()
	s.before.wg.Wait()

	for _, ends := range s.ends {
		ends.wg.Wait()
	}
}

// register registers a message's work, or returns the one that is under way.
func (s *session) register(key workKey) (h *inFlight, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if h, ok := s.inFlight[key]; ok {
		return h, false
	}

	h = &inFlight{done: make(chan struct{})}
	h.ctx, h.cancel = context.WithCancelCause(s.ctx)
	s.inFlight[key] = h

	return h, true
}

func (s *session) unregister(key workKey, h *inFlight) {
	h.cancel(nil)
	s.mu.Lock()
	delete(s.inFlight, key)
	s.mu.Unlock()
	close(h.done)
}

// cancelJob ends the contexts of a job's handlers in this process; incarnation
// 0 is all of them.
func (s *session) cancelJob(id state.JobID, incarnation int64) {
	s.mu.Lock()
	defer s.mu.Unlock()

	for key, h := range s.inFlight {
		of := key.job == id && h.claimed.Load() && (incarnation == 0 || h.Incarnation == incarnation)
		if of && h.Kind != state.KindStop {
			h.cancel(errCancelled)
		}
	}
}

// jobs lists the jobs that something is held of, each once.
func (s *session) jobs() []state.JobRef {
	s.mu.Lock()
	defer s.mu.Unlock()

	seen := map[state.JobRef]struct{}{}

	for key, h := range s.inFlight {
		if h.claimed.Load() {
			seen[state.JobRef{JobID: key.job, Incarnation: h.Incarnation}] = struct{}{}
		}
	}

	return slices.Collect(maps.Keys(seen))
}

// messages lists what is held, or is about to be claimed.
func (s *session) messages() []state.Message {
	s.mu.Lock()
	defer s.mu.Unlock()

	all := make([]state.Message, 0, len(s.inFlight))
	for key := range s.inFlight {
		all = append(all, state.Message{JobID: key.job, MessageID: key.message})
	}

	return all
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}

	return name
}
