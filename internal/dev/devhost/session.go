package devhost

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/telemetry/keys"
)

// Binding types.
const (
	typeHTTP  = "httpTrigger"
	typeQueue = "serviceBusTrigger"
	typeTimer = "timerTrigger"
)

// session is the life of one script host: a worker and its callers.
type session struct {
	host   *Host
	worker *worker
	ctx    context.Context
	cancel context.CancelCauseFunc
	calls  gate
	ended  chan struct{}
	client *http.Client // follows redirects, like the host in the default mode

	retryTransport *http.Transport // retries to connect, for proxied requests
}

func newSession(ctx context.Context, h *Host) (*session, error) {
	w, err := newWorker(h)
	if err != nil {
		return nil, err
	}

	s := &session{
		host:           h,
		worker:         w,
		ended:          make(chan struct{}),
		client:         &http.Client{Transport: w.transport},
		retryTransport: newTransport(),
	}
	s.retryTransport.DialContext = dialWithRetry
	s.ctx, s.cancel = context.WithCancelCause(ctx)

	return s, nil
}

// start runs the session until its context ends. Without functions it does not
// start the handler.
func (s *session) start() {
	if len(s.host.app.Functions) == 0 {
		s.host.log.Warn("no functions found, the handler is not started")

		s.worker.set(stopped, nil, errors.New("the app has no functions"))
		go func() { <-s.ctx.Done(); close(s.ended) }()

		return
	}
	go func() {
		defer close(s.ended)

		var background sync.WaitGroup
		background.Go(s.pingRandomly)

		for i := range s.host.app.Functions {
			s.listen(&background, &s.host.app.Functions[i])
		}

		if err := s.worker.run(s.ctx); err != nil {
			s.worker.set(stopped, nil, err)
			s.cancel(err)
		}

		background.Wait()
		s.calls.close()
		s.worker.transport.CloseIdleConnections()
		s.retryTransport.CloseIdleConnections()
	}()
}

// listen starts the trigger of a function.
func (s *session) listen(background *sync.WaitGroup, f *Function) {
	switch f.Trigger.Type {
	case typeQueue:
		r := s.host.options.Receivers[f.Trigger.QueueName]
		if r == nil {
			s.host.log.Warn(
				"no receiver for a queue, its function is not started",
				keys.Function,
				f.Name,
				keys.Queue,
				f.Trigger.QueueName,
			)

			return
		}

		background.Go(newPump(s, f, r).run)
	case typeTimer:
		schedule, err := parseSchedule(f.Trigger.Schedule)
		if err != nil {
			s.host.log.Error("invalid schedule", keys.Function, f.Name, keys.Error, err)
			return
		}

		background.Go(func() { s.runTimer(f, schedule) })
	case typeHTTP:
	default:
		s.host.log.Error(
			"unsupported trigger",
			keys.Function,
			f.Name,
			"type",
			f.Trigger.Type,
		)
	}
}

// wait returns why the session ended, or nil if it was stopped.
func (s *session) wait() error {
	<-s.ended

	if err := context.Cause(s.ctx); !errors.Is(err, context.Canceled) {
		return err
	}

	return nil
}

// stopFor ends the session like the host's StopApplication.
func (s *session) stopFor(err error) { s.cancel(err) }

// hold waits for a process that can take a call. If there is none within four
// times the init timeout, the host stops.
func (s *session) hold(ctx context.Context) (*process, error) {
	if st := s.worker.state.Load(); st.phase == ready {
		return st.proc, nil
	}

	limit := 4 * s.host.app.InitTimeout

	held, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	p, err := s.worker.await(held)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		s.stopFor(fmt.Errorf("initialization timed out after %s and host is shutting down", limit))
	}

	return p, err
}

// pingRandomly requests GET / at random times, like the host, which measures
// latency.
func (s *session) pingRandomly() {
	const minimum, spread = 5 * time.Second, 10 * time.Second
	for clock.Sleep(s.ctx, minimum+rand.N(spread)) {
		if s.worker.state.Load().phase != ready {
			continue
		}

		s.host.counters.pings.Add(1)

		if err := s.worker.ping(s.ctx); err != nil && s.ctx.Err() == nil {
			s.host.log.Warn("handler did not answer GET /", keys.Error, err)
		}
	}
}

// portText returns the handler's port.
func portText(s *session) string { return s.worker.portText }

// gate counts running calls, and rejects new ones after it is closed.
type gate struct {
	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()

	if g.closed {
		return false
	}

	g.inside.Add(1)

	return true
}

func (g *gate) leave() { g.inside.Done() }

// close waits for the running calls.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}
