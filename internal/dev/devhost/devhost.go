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

	"coremachine/internal/clock"
	"coremachine/internal/funchost"
	"coremachine/internal/queue"
	"coremachine/internal/telemetry/keys"
)

// Version is the version of the host in requests.
const Version = "4.1054.250.0"

// Limits of the platform's front end.
const (
	DefaultEdgeTimeout = 230 * time.Second
	DefaultBodyLimit   = 104_857_600
)

// Options configures a Host.
type Options struct {
	// Root is the app root with host.json and the functions. It is required.
	Root string
	// Addr is the address for clients. The default is 127.0.0.1:7071, and port
	// 0 means any free port.
	Addr string

	// Receivers are the receivers by queue name. A queue function without a
	// receiver is not started. The caller closes them.
	Receivers map[string]queue.Receiver

	// Keys are function keys, sent as x-functions-key or ?code=. Each of them
	// opens every function. Without keys, none is required.
	Keys []string
	// Env contains NAME=value pairs for the handler. They override the
	// environment of this process, which overrides local.settings.json.
	Env []string
	// Executable replaces the one in host.json.
	Executable string

	// Log can be nil.
	Log *slog.Logger
	// Console receives the handler's lines instead of Log.
	Console func(stream string, level slog.Level, line string)
	// OnEvent is called for events, by several goroutines. It must return
	// quickly.
	OnEvent func(Event)

	// Platform restarts a host that stopped, like the platform, after
	// PlatformDelay.
	Platform bool
	// PlatformDelay defaults to 1 s.
	PlatformDelay time.Duration
	// IgnoreExitZero imitates hosts before 2026, which ignore a handler that
	// exits with 0.
	IgnoreExitZero bool
	// TermFirst sends SIGTERM this long before SIGKILL, like containers. By
	// default only SIGKILL is sent.
	TermFirst time.Duration
	// Chunked posts chunked envelopes, like Azure. By default they have a
	// length, like those of the Core Tools.
	Chunked bool
	// Calls replaces maxConcurrentCalls of host.json for each queue function.
	Calls int
	// Timeout replaces functionTimeout of host.json.
	Timeout time.Duration
	// AbandonDelay is the delay before a failed message is abandoned, like a
	// round trip to Service Bus. The default is 20 ms, and a negative value
	// means none.
	AbandonDelay time.Duration
	// EdgeTimeout limits the time until an HTTP response begins and between its
	// parts. The default is DefaultEdgeTimeout.
	EdgeTimeout time.Duration
	// BodyLimit is the maximum body size in bytes. The default is
	// DefaultBodyLimit.
	BodyLimit int64
	Faults    Faults
}

// Faults injects faults. The zero value injects none.
type Faults struct {
	// Duplicate returns true to post a handled message once more before it is
	// settled.
	Duplicate func(function string, d queue.Delivery) bool
	// Shuffle posts messages that were received together in random order.
	Shuffle bool
}

// Host imitates the Functions host. Create it with New.
type Host struct {
	options  Options
	app      *App
	log      *slog.Logger
	routes   []route
	counters counters
	// ticks maps a function name to its *timerStatus. Like blob storage, it
	// outlives a stopped host.
	ticks sync.Map

	session  atomic.Pointer[session]
	listener net.Listener
	local    bool // only this machine can reach the listener
	server   *http.Server
	cancel   context.CancelFunc
	done     chan struct{}
	err      error // why the host stopped by itself; set before done is closed
}

// New reads the app. It fails like the real host: without an executable, or
// with a route that is reserved or cannot be served.
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

// Start listens, starts the handler and its triggers, and returns. Calls wait
// until the handler is ready.
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
	h.session.Store(first) // before the first request can arrive

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
			h.log.Error("listener failed", keys.Error, err)
		}
	}()
	go h.run(ctx, first)

	return nil
}

// run replaces sessions that stopped, if Options.Platform is set.
func (h *Host) run(ctx context.Context, s *session) {
	defer close(h.done)

	for {
		s.start()
		err := s.wait()

		if ctx.Err() != nil {
			return
		}

		h.err = err
		h.log.Error("host stopped", keys.Error, err)
		h.emit(Event{Kind: EventHostStopped, Err: err})

		if !h.options.Platform || !clock.Sleep(ctx, h.options.PlatformDelay) {
			return
		}

		next, err := newSession(ctx, h)
		if err != nil {
			h.err = err
			return
		}

		s, h.err = next, nil
		h.session.Store(s)
	}
}

// Stop stops the triggers, kills the handler, and stops listening. Running
// calls fail, and their messages are abandoned.
func (h *Host) Stop() error {
	if h.cancel == nil {
		return nil
	}

	h.cancel()
	<-h.done

	return h.server.Close()
}

// Done is closed when the host has stopped, by Stop or by its own rules. Err
// returns the reason.
func (h *Host) Done() <-chan struct{} { return h.done }

// Err returns why the host stopped by itself. It returns nil before Done is
// closed, and after Stop.
func (h *Host) Err() error {
	select {
	case <-h.done:
		return h.err
	default:
		return nil
	}
}

// Addr returns the address for clients, as host:port, after Start.
func (h *Host) Addr() string { return h.listener.Addr().String() }

// URL returns the address with the route prefix: http://127.0.0.1:7071/api.
func (h *Host) URL() string { return strings.TrimSuffix("http://"+h.Addr()+"/"+h.app.Prefix, "/") }

// HandlerPID returns the process ID of the handler, or 0 if there is none.
func (h *Host) HandlerPID() int {
	if s := h.session.Load(); s != nil {
		if p := s.worker.state.Load().proc; p != nil {
			return p.pid
		}
	}

	return 0
}

// Kill sends SIGKILL to the handler, as a test of a crash. The host applies its
// rules for an exit.
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

// environment returns the environment of this process with additional
// variables.
func environment(more []string) map[string]string {
	all := map[string]string{}
	// The handler inherits the whole environment.
	for _, pair := range append(os.Environ(), more...) {
		if name, value, ok := strings.Cut(pair, "="); ok {
			all[name] = value
		}
	}

	return all
}

// environment returns the environment of a handler process. From lowest to
// highest priority: local settings, the environment of this process,
// Options.Env, and the variables of the host.
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

// disabled reports whether an app setting disables a function.
func (h *Host) disabled(function string) bool {
	name := "AzureWebJobs." + function + ".Disabled"
	value := environment(h.options.Env)[name]

	return strings.EqualFold(cmp.Or(value, h.app.Settings[name]), "true")
}
