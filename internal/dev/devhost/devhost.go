package devhost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"coremachine/internal/funchost"
	"coremachine/internal/queue"
	"coremachine/internal/telemetry/keys"
)

// Version is the host version that requests carry.
const Version = "4.1054.250.0"

// Limits of the platform before the host.
const (
	DefaultEdgeTimeout = 230 * time.Second
	DefaultBodyLimit   = 104_857_600
)

// Options say what to stand in for.
type Options struct {
	Root string // app root: host.json and the functions. Required
	Addr string // where clients connect; "" means 127.0.0.1:7071, port 0 any free one

	// by queue name; a queue function without one is not started. The caller
	// closes them
	Receivers map[string]queue.Receiver
	// takes what output bindings send; nil fails the invocation that has some
	Send SendFunc

	// function keys, any of which opens every function, as x-functions-key or
	// ?code=; none: no key is asked for
	Keys []string
	// NAME=value for the handler, over our own environment, which is over
	// local.settings.json
	Env        []string
	Executable string // instead of the one that host.json names

	Log     *slog.Logger                                       // nil discards
	Console func(stream string, level slog.Level, line string) // gets the handler's lines instead of Log
	// is told of events, from several goroutines; must return soon
	OnEvent func(Event)

	Platform       bool          // start a host that stopped again, as the platform does, after PlatformDelay
	PlatformDelay  time.Duration // 0: 1 s
	IgnoreExitZero bool          // hosts before 2026 do not notice a handler that exits with 0
	TermFirst      time.Duration // SIGTERM this long before SIGKILL, as containers have it; 0: SIGKILL only
	// post envelopes chunked, as in Azure, instead of with a length, as under
	// the Core Tools
	Chunked bool
	Calls   int           // calls at once of each queue function, instead of host.json's
	Timeout time.Duration // functionTimeout, instead of host.json's
	// before a failed message is given back, as the way to the bus and back
	// takes; 0: 20 ms, negative: none
	AbandonDelay time.Duration
	EdgeTimeout  time.Duration // until an HTTP answer begins, and between its parts; 0: DefaultEdgeTimeout
	BodyLimit    int64         // bytes; 0: DefaultBodyLimit
	Faults       Faults
}

// Faults are what goes wrong on demand. The zero value is none.
type Faults struct {
	// true: a message that was worked on is posted once more before it is
	// settled
	Duplicate func(function string, d queue.Delivery) bool
	// messages received together are posted in random order
	Shuffle bool
	// an error for the index-th message of an invocation's outputs
	Send func(function string, index int) error
}

// Host stands in for the Functions host. Make it with New.
type Host struct {
	options  Options
	app      *App
	log      *slog.Logger
	routes   []route
	counters counters
	ticks    sync.Map // function name -> *timerStatus: outlives a stopped host, as blob storage does

	session  atomic.Pointer[session]
	listener net.Listener
	local    bool // only this machine reaches the listener
	server   *http.Server
	cancel   context.CancelFunc
	done     chan struct{}
	err      error // why the host stopped for good, once done is closed
}

// New reads the app. It fails on what the real host fails on: no executable, a
// route that it reserves or cannot serve.
func New(o Options) (*Host, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:7071"
	}

	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}

	o.PlatformDelay = cmp.Or(o.PlatformDelay, time.Second)
	o.AbandonDelay = cmp.Or(o.AbandonDelay, 20*time.Millisecond)
	o.EdgeTimeout = cmp.Or(o.EdgeTimeout, DefaultEdgeTimeout)
	o.BodyLimit = cmp.Or(o.BodyLimit, DefaultBodyLimit)
	own := environment(o.Env)

	app, err := ReadApp(o.Root, func(name string) string { return own[name] })
	if err != nil {
		return nil, err
	}

	app.Timeout, app.Calls = cmp.Or(o.Timeout, app.Timeout), cmp.Or(o.Calls, app.Calls)
	h := &Host{options: o, app: app, log: o.Log, done: make(chan struct{})}
	h.app.Functions = slices.DeleteFunc(h.app.Functions, func(f Function) bool { return h.disabled(f.Name) })
	h.routes, err = newRoutes(app)

	return h, err
}

// Start listens, starts the handler and everything that calls it, and returns;
// calls are held until the handler is ready.
func (h *Host) Start(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", h.options.Addr)
	if err != nil {
		return fmt.Errorf("devhost.Start: %w", err)
	}

	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))

	first, err := newSession(ctx, h)
	if err != nil {
		cancel()
		return errors.Join(fmt.Errorf("devhost.Start: %w", err), l.Close())
	}

	h.listener, h.cancel = l, cancel
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		h.local = a.IP.IsLoopback()
	}

	h.server = &http.Server{
		Handler:           http.HandlerFunc(h.edge),
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       3 * time.Minute,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := h.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			h.log.Error("the host no longer listens", keys.Error, err)
		}
	}()
	go h.run(ctx, first)

	return nil
}

// run replaces sessions that stopped, where there is a platform that does so.
func (h *Host) run(ctx context.Context, s *session) {
	defer close(h.done)

	for {
		h.session.Store(s)
		s.start()
		err := s.wait()

		if ctx.Err() != nil {
			return
		}

		h.err = err
		h.log.Error("the host stopped", keys.Error, err)
		h.tell(Event{Kind: EventHostStopped, Err: err})

		if !h.options.Platform || !sleep(ctx, h.options.PlatformDelay) {
			return
		}

		next, err := newSession(ctx, h)
		if err != nil {
			h.err = err
			return
		}

		s, h.err = next, nil
	}
}

// Stop stops what calls the handler, kills it, and stops listening; calls under
// way fail, and their messages are abandoned.
func (h *Host) Stop() error {
	if h.cancel == nil {
		return nil
	}

	h.cancel()
	<-h.done

	return h.server.Close()
}

// Done is closed when the host has stopped, by Stop or by its own rules; Err
// says why.
func (h *Host) Done() <-chan struct{} { return h.done }

// Err is why the host stopped by itself: nil before Done is closed, and after
// Stop.
func (h *Host) Err() error {
	select {
	case <-h.done:
		return h.err
	default:
		return nil
	}
}

// Addr is where clients connect, host:port, once started.
func (h *Host) Addr() string { return h.listener.Addr().String() }

// URL is the address with the route prefix: http://127.0.0.1:7071/api.
func (h *Host) URL() string { return strings.TrimSuffix("http://"+h.Addr()+"/"+h.app.Prefix, "/") }

// HandlerPID is the process id of the handler, 0 when there is none now.
func (h *Host) HandlerPID() int {
	if s := h.session.Load(); s != nil {
		if p := s.worker.state.Load().proc; p != nil {
			return p.pid
		}
	}

	return 0
}

// Kill sends the handler SIGKILL, as a test of what a crash does. The host sees
// an exit and acts by its rules.
func (h *Host) Kill() error {
	if s := h.session.Load(); s != nil {
		if p := s.worker.state.Load().proc; p != nil {
			return p.kill()
		}
	}

	return errors.New("devhost.Kill: there is no handler process")
}

// Ready waits until the handler answers.
func (h *Host) Ready(ctx context.Context) error {
	for {
		if s := h.session.Load(); s != nil {
			if _, err := s.worker.await(ctx); !errors.Is(err, errStopped) {
				return err
			}
		}

		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.done:
			return errors.Join(errStopped, h.err)
		case <-time.After(readinessPoll):
		}
	}
}

func (h *Host) executable() string { return cmp.Or(h.options.Executable, h.app.Executable) }

// environment is ours with more on top.
func environment(more []string) map[string]string {
	all := map[string]string{}
	// the child inherits it, whatever it is
	for _, pair := range append(os.Environ(), more...) { //nolint:forbidigo
		if name, value, ok := strings.Cut(pair, "="); ok {
			all[name] = value
		}
	}

	return all
}

// environment is what a handler process sees: local settings below our own
// environment, below Options.Env, below the host's.
func (h *Host) environment(port int, id string) []string {
	all := maps.Clone(h.app.Settings)
	if all == nil {
		all = map[string]string{}
	}

	maps.Copy(all, environment(h.options.Env))
	maps.Copy(all, map[string]string{
		funchost.EnvPort:                    strconv.Itoa(port),
		funchost.EnvPortLegacy:              strconv.Itoa(port),
		"FUNCTIONS_CUSTOMHANDLER_WORKER_ID": id,
		"FUNCTIONS_HTTPWORKER_ID":           id,
		"FUNCTIONS_APP_ROOT_PATH":           h.app.Root,
		"AzureWebJobsScriptRoot":            h.app.Root,
		"AZURE_FUNCTIONS_ENVIRONMENT":       "Development",
		"WEBSITE_HOSTNAME":                  h.Addr(),
		"COREMACHINE_LOCAL_HOST":            "true",
	})

	pairs := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		pairs = append(pairs, name+"="+all[name])
	}

	return pairs
}

// disabled tells whether an app setting switches a function off.
func (h *Host) disabled(function string) bool {
	name := "AzureWebJobs." + function + ".Disabled"
	value := environment(h.options.Env)[name]

	return strings.EqualFold(cmp.Or(value, h.app.Settings[name]), "true")
}
