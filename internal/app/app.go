package app

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/blobstore"
	"coremachine/internal/config"
	"coremachine/internal/coremachine"
	"coremachine/internal/funchost"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/notify"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/telemetry"
	"coremachine/internal/web"
)

// Options are the parts of a process in addition to its configuration.
type Options struct {
	Jobs      map[string]define.Job
	Handlers  map[string]handlers.Handler
	Schedules map[string]define.Schedule // nil: none
	Deps      handlers.Deps              // what is nil in it is made from the configuration
	Log       *slog.Logger
	Fault     repo.Fault // nil outside of tests

	SweepEvery time.Duration // interval of the fleet's sweeps; 0: a minute

	OwnsProcess bool // its telemetry is that of libraries too
}

// App is one process. Make it with New; Start and Stop it once.
type App struct {
	cfg  config.Config
	opts Options
	log  *slog.Logger

	problems []string // of configuration and registries: with any the process serves no work
	schema   atomic.Bool

	schemaFault atomic.Pointer[string] // what was last wrong with it; nil: not known yet

	repo     *repo.Repo
	queue    *pgqueue.Queue
	bus      *servicebus.Client // nil without Service Bus
	blobs    *blobstore.Store   // nil where Deps had one, or none is configured
	machine  *coremachine.Machine
	hub      *api.JobWatcher
	notifier *notify.Notifier // nil: no host may be called
	web      *web.Server
	engine   engine

	telemetry *telemetry.Telemetry // nil: none
	ended     chan state.JobID     // nil: ended jobs are not reported

	http http.Handler
	host *funchost.Host

	listener net.Listener
	cleanups []func() // called in reverse order by Stop
	loops    sync.WaitGroup
	served   chan error

	receiving receiving

	started  time.Time
	stopWork context.CancelFunc
	working  sync.WaitGroup
	stopping atomic.Bool
}

// New makes the parts and opens nothing. If the configuration is bad
// (configErr, from config.Load) or the registries are inconsistent, New does
// not return an error. If the process exited, the host would restart it three
// times and hide the reason.
func New(cfg config.Config, configErr error, o Options) (*App, error) {
	a := &App{
		cfg: cfg, opts: o, log: o.Log, started: time.Now(), served: make(chan error, 1),
		receiving: receiving{started: make(chan struct{}, 1)},
	}
	if configErr != nil {
		a.problems = append(a.problems, strings.Split(configErr.Error(), "\n")...)
	}

	if cfg.DatabaseURL == "" {
		a.problems = append(a.problems, "DATABASE_URL: is required")
	}

	if err := a.openStorage(); err != nil {
		a.problems = append(a.problems, err.Error())
	}

	a.problems = append(a.problems, define.CheckSchedules(o.Schedules, o.Jobs)...)
	a.problems = append(a.problems, define.Check(o.Jobs, o.Handlers, a.opts.Deps, cfg.FunctionTimeout)...)

	host, err := funchost.New(funchost.Options{FunctionTimeout: cfg.FunctionTimeout, Log: o.Log})
	if err != nil {
		return nil, err
	}

	a.host = host

	return a, nil
}

// Problems lists what is wrong with configuration and registries; corectl and
// tests refuse to start with any.
func (a *App) Problems() []string { return a.problems }

// Serve opens the port and serves on it immediately. It returns when the port
// is open. Call Start afterwards.
func (a *App) Serve(ctx context.Context, l net.Listener) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.onStop(cancel)

	a.listener = l
	a.loops.Go(func() { a.served <- a.host.Serve(ctx, l) })
}

// onStop registers a function that Stop calls once work has ended.
func (a *App) onStop(cleanup func()) { a.cleanups = append(a.cleanups, cleanup) }

// Start makes the engine and its storage and lets them connect in the
// background.
func (a *App) Start(ctx context.Context) error {
	a.log.Info("registered",
		"jobs", slices.Sorted(maps.Keys(a.opts.Jobs)),
		"handlers", slices.Sorted(maps.Keys(a.opts.Handlers)))

	if len(a.problems) > 0 {
		return a.serveProblems()
	}

	before, err := beforeConnect(a.cfg)
	if err == nil {
		a.repo, err = repo.Open(ctx, repo.Config{
			URL:           string(a.cfg.DatabaseURL),
			MaxConns:      a.cfg.DatabaseConns,
			BeforeConnect: before,
			Fault:         a.opts.Fault,
		})
	}

	if err != nil {
		return a.serveProblems("DATABASE_URL: " + err.Error())
	}

	if err := a.openTransport(); err != nil {
		return a.serveProblems("SERVICEBUS: " + err.Error())
	}

	a.openTelemetry(ctx)
	a.notifier = a.newNotifier()
	a.machine = coremachine.New(coremachine.Config{
		Jobs:               a.opts.Jobs,
		Handlers:           a.opts.Handlers,
		Schedules:          a.opts.Schedules,
		Deps:               a.opts.Deps,
		Store:              a.repo,
		Log:                a.log,
		Wake:               a.queue.Wake,
		JobEnded:           a.jobEnded,
		Observer:           a.observer(),
		CollectDeadLetters: a.collect(),
		Retention:          a.cfg.Retention,
		KeepLogs:           keepLogs[a.cfg.TaskLogs],
		MaxQueued:          a.cfg.MaxQueued,
		Build:              Version(),
		MaxRunning:         a.cfg.MaxRunning,
		Drain:              a.cfg.DrainTimeout,
		SweepEvery:         a.opts.SweepEvery,
		Relayed:            a.bus != nil,
		SlotWait:           slotWait(a.cfg.FunctionTimeout),
		MaxUnresponsive:    a.cfg.MaxUnresponsive,
	})
	a.engine = engine{a.machine, a.opts.Jobs, a.telemetry}
	a.watchTelemetry()
	a.machine.Start(ctx)
	watch, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.onStop(cancel)
	a.loops.Go(func() {
		a.watchSchema(watch)
		a.warm(watch)
	})

	if a.telemetry != nil {
		a.loops.Go(func() { a.tellEnded(watch) })
	}

	a.loops.Go(func() { a.runDuties(watch) })
	a.notify(watch)
	a.relay(watch)

	return a.host.Install(a.work())
}

// keepLogs maps the values of TASK_LOGS.
var keepLogs = map[string]coremachine.KeepLogs{
	config.TaskLogsFailed: coremachine.KeepFailed,
	config.TaskLogsAll:    coremachine.KeepAll,
	config.TaskLogsNone:   coremachine.KeepNone,
}

// slotWait is how long a message that was pushed to this process waits for a
// slot: long, since to push it again costs a send, and well within the time
// that the host allows a call.
func slotWait(functionTimeout time.Duration) time.Duration {
	const most = 2 * time.Minute
	if functionTimeout == 0 {
		return most
	}

	return min(most, funchost.Deadline(functionTimeout)/2)
}

// Addr is where the process listens, nil when it does not.
func (a *App) Addr() net.Addr {
	if a.listener == nil {
		return nil
	}

	return a.listener.Addr()
}

// Done answers when serving has ended of itself.
func (a *App) Done() <-chan error { return a.served }

// Machine is the engine, for processes that feed it themselves; nil before
// Start.
func (a *App) Machine() *coremachine.Machine { return a.machine }

// Stop stops the parts in reverse order. It stops receiving, finishes or
// requeues the claimed work, and closes the connections.
func (a *App) Stop(ctx context.Context) error {
	var err error

	a.stopping.Store(true)

	if a.stopWork != nil {
		a.stopWork() // receiving ends; claimed work continues
	}

	if a.machine != nil {
		err = a.machine.Stop(ctx)
	}

	a.working.Wait()

	if a.web != nil {
		a.web.Close()
	}

	if a.hub != nil {
		a.hub.Close()
	}

	for _, cleanup := range slices.Backward(a.cleanups) {
		cleanup()
	}

	a.closeTransport(ctx)
	a.loops.Wait()
	a.closeTelemetry(ctx) // the last reading of the queues needs the database

	if a.repo != nil {
		a.repo.Close()
	}

	if a.blobs != nil {
		a.blobs.Close()
	}

	return err
}

// work is what there is to serve once Start has made what it could.
func (a *App) work() funchost.Work {
	a.http = a.api()
	return funchost.Work{API: a.http, Triggers: a.triggers(), Ready: a.Ready}
}

func (a *App) triggers() map[string]funchost.Trigger {
	message := func(ctx context.Context, inv funchost.Invocation) error {
		if a.machine == nil {
			return a.Ready()
		}

		if f, ok := funchost.Lookup(inv.Function); ok && f.Kind == funchost.KindQueue {
			defer a.receiving.begin(f.Queue)()
		}

		return a.machine.Handle(ctx, inv.Message)
	}

	return map[string]funchost.Trigger{
		"process_job": message, "process_task": message, "process_long_task": message,
		"sweep": func(ctx context.Context, _ funchost.Invocation) error {
			if a.machine == nil {
				return a.Ready()
			}

			_, err := a.engine.SweepDue(ctx)

			return err
		},
	}
}
