package devhost

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"coremachine/internal/telemetry/keys"
)

// Rules for restarting the worker.
const (
	maxFaults       = 3                // the host stops after this many faults
	faultWindow     = 30 * time.Minute // faults are forgotten after this time without one
	exitCodeRestart = 200              // exit status that requests a restart
	readinessPoll   = 25 * time.Millisecond
)

// errStopped means that the host has stopped. It is joined with the reason.
var errStopped = errors.New("the host is stopped")

type phase int

const (
	starting phase = iota // calls wait
	ready
	// dead means that the handler exited with 0 on a host that ignores that.
	// Calls fail to connect.
	dead
	stopped // calls fail
)

// workerState is replaced as a whole. Then changed is closed.
type workerState struct {
	phase   phase
	proc    *process
	err     error
	changed chan struct{}
}

// worker keeps one handler process running, by the rules of the host.
type worker struct {
	host      *Host
	port      int
	portText  string
	transport *http.Transport
	state     atomic.Pointer[workerState]
	restart   chan *process
	faults    int
	lastFault time.Time
}

// newWorker reserves the port of all processes of the worker.
func newWorker(h *Host) (*worker, error) {
	l, err := net.Listen( //nolint:noctx // binds and returns
		"tcp4",
		net.JoinHostPort("127.0.0.1", strconv.Itoa(h.app.Port)),
	)
	if err != nil {
		return nil, fmt.Errorf("unable to bind to port %d: %w", h.app.Port, err)
	}

	port := portOf(l)
	w := &worker{
		host:      h,
		port:      port,
		portText:  strconv.Itoa(port),
		transport: newTransport(),
		restart:   make(chan *process, 1),
	}
	w.state.Store(&workerState{changed: make(chan struct{})})

	return w, l.Close()
}

func portOf(l net.Listener) int {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return a.Port
	}

	return 0
}

// newTransport returns the transport to the handler. Idle connections end
// before the handler's own limit, like those of .NET.
func newTransport() *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost: 1024,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
		WriteBufferSize:     8 << 10,
		ReadBufferSize:      8 << 10,
	}
}

func (w *worker) set(p phase, proc *process, err error) {
	old := w.state.Swap(&workerState{phase: p, proc: proc, err: err, changed: make(chan struct{})})
	close(old.changed)
}

// await waits until the process is ready. It returns the process, errStopped,
// or the error of ctx.
func (w *worker) await(ctx context.Context) (*process, error) {
	for {
		s := w.state.Load()
		switch s.phase {
		case ready, dead:
			return s.proc, nil
		case stopped:
			return nil, errors.Join(errStopped, s.err)
		case starting:
		}

		select {
		case <-s.changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// run starts and restarts the process until ctx ends, and then returns nil. If
// the rules require the host to stop, it returns the reason. In both cases the
// process is killed.
func (w *worker) run(ctx context.Context) error {
	defer w.transport.CloseIdleConnections()

	for ctx.Err() == nil {
		p, err := w.start()
		if err == nil {
			err = w.watch(ctx, p)
		}

		w.transport.CloseIdleConnections()

		if err == nil || ctx.Err() != nil {
			continue
		}

		w.host.log.Error("handler failed", keys.Error, err)

		if w.fault() {
			return fmt.Errorf("exceeded http worker restart retry count: %w", err)
		}
	}

	w.set(stopped, nil, context.Canceled)

	return nil
}

// fault counts a fault and reports whether the host must stop.
func (w *worker) fault() bool {
	at := now()
	if at.Sub(w.lastFault) > faultWindow {
		w.faults = 0
	}

	w.lastFault = at
	w.faults++

	return w.faults >= maxFaults
}

func (w *worker) start() (*process, error) {
	h := w.host
	id := newID()

	p, err := startProcess(command{
		path: h.executable(),
		dir:  h.app.Directory,
		args: h.app.Arguments,
		env:  h.environment(w.port, id),
		line: h.console,
	}, id)
	if err != nil {
		return nil, fmt.Errorf("start the handler: %w", err)
	}

	h.counters.starts.Add(1)
	h.emit(Event{Kind: EventStarted, PID: p.pid})
	w.set(starting, p, nil)

	return p, nil
}

// watch waits until a process ends. It returns nil if the next one can start,
// and an error for a fault.
func (w *worker) watch(ctx context.Context, p *process) error {
	polling, stop := context.WithTimeout(ctx, w.host.app.InitTimeout)
	defer stop()

	answered := make(chan struct{})
	go w.poll(polling, answered)

	defer func() { stop(); <-answered }()

	patience := polling.Done()
	isReady := answered

	for {
		select {
		case <-ctx.Done():
			w.end(p)
			return nil
		case <-p.done:
			w.exited(p)
			return w.checkExit(ctx, p)
		case <-isReady:
			isReady = nil

			if polling.Err() != nil {
				continue
			}

			patience = nil

			w.host.emit(Event{Kind: EventReady, PID: p.pid})
			w.set(ready, p, nil)
		case <-patience:
			if ctx.Err() != nil {
				continue
			}

			w.host.emit(Event{Kind: EventInitTimeout, PID: p.pid})
			w.end(p)

			return errors.New("the initialization of the handler timed out")
		case restarting := <-w.restart:
			if restarting == p {
				w.end(p)
				return nil
			}
		}
	}
}

// checkExit applies the rules for a process that ended by itself.
func (w *worker) checkExit(ctx context.Context, p *process) error {
	switch p.code {
	case exitCodeRestart:
		return nil
	case 0:
		if !w.host.options.IgnoreExitZero {
			return nil
		}

		w.host.log.Error("handler exited with 0, which this host ignores: every call will fail")
		w.set(dead, p, nil)
		<-ctx.Done()

		return nil
	}

	return fmt.Errorf("the handler exited with code %d: %s", p.code, p.lastErrs)
}

func (w *worker) end(p *process) {
	if grace := w.host.options.TermFirst; grace > 0 {
		p.terminate()

		t := time.NewTimer(grace)
		defer t.Stop()

		select {
		case <-p.done:
		case <-t.C:
		}
	}

	if err := p.kill(); err != nil {
		w.host.log.Error("handler cannot be killed", keys.Error, err)
		return
	}

	<-p.done
	w.exited(p)
}

func (w *worker) exited(p *process) {
	w.set(starting, nil, nil)
	w.host.emit(Event{Kind: EventExited, PID: p.pid, Code: p.code})
}

// requestRestart kills a process and starts another one, once for all calls
// that request it.
func (w *worker) requestRestart(p *process) {
	if p != nil && p.restarting.CompareAndSwap(false, true) {
		select {
		case w.restart <- p:
		case <-p.done:
		}
	}
}

// poll requests GET / until there is any response. It closes answered then, or
// when ctx ends.
func (w *worker) poll(ctx context.Context, answered chan<- struct{}) {
	defer close(answered)

	tick := time.NewTicker(readinessPoll)
	defer tick.Stop()

	for {
		err := w.ping(ctx)
		if ctx.Err() != nil || !errors.Is(err, syscall.ECONNREFUSED) {
			return
		}

		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ping requests GET / once. Any HTTP response means success.
func (w *worker) ping(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+w.portText+"/", nil)
	if err != nil {
		return err
	}

	resp, err := w.transport.RoundTrip(r)
	if err != nil {
		return err
	}

	return resp.Body.Close()
}
