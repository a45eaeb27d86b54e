package chaos

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/dev/devhost"
	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/telemetry"
	"coremachine/internal/test/pgtest"
)

// The roles that the test binary plays when the test starts it as a process.
const (
	roleEnv = "CHAOS_ROLE"
	appEnv  = "CHAOS_APP" // the folder of the host

	roleHandler = "handler"
	roleWorker  = "worker"
	roleHost    = "host"
	roleRelay   = "relay"
	roleTicker  = "ticker"
)

func TestMain(m *testing.M) {
	role, ok := map[string]func(config.Config, error, *slog.Logger) int{
		roleHandler: handlerMain, roleWorker: workerMain, roleHost: hostMain, roleRelay: relayMain,
		roleTicker: tickerMain,
	}[os.Getenv(roleEnv)]
	if !ok {
		pgtest.Main(m)
		return
	}

	cfg, err := config.Load(config.FromEnvironment())
	cfg.DatabaseURL += config.Secret(fmt.Sprintf("&application_name=%s%d", appName, os.Getpid()))
	os.Exit(role(cfg, err, telemetry.NewLogger(os.Stderr, cfg.LogLevel, cfg.LogFormat)))
}

// appName precedes the process ID in the application name of connections, so
// that the database shows which process each belongs to.
const appName = "chaos-"

func options(log *slog.Logger) app.Options {
	j, h := ownRegistries()
	return app.Options{Jobs: j, Handlers: h, Log: log, Fault: lingerOnSignal()}
}

// lingering is how long a process waits at each point after it was asked to
// linger, so that it can be killed there.
const lingering = 250 * time.Millisecond

// lingerOnSignal returns a fault that, after a SIGUSR1, waits before a third of
// all statements and before every COMMIT.
func lingerOnSignal() repo.Fault {
	var requested atomic.Bool

	signals := make(chan os.Signal, 1)

	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		<-signals
		requested.Store(true)
	}()

	return func(point string) error {
		if requested.Load() && point != "committed" && (point == "commit" || rand.IntN(3) == 0) {
			pause(lingering)
		}

		return nil
	}
}

func handlerMain(cfg config.Config, configErr error, log *slog.Logger) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	return app.Main(ctx, cfg, configErr, options(log))
}

// untilOrphaned returns when the test that started this process has exited.
func untilOrphaned() { _, _ = io.Copy(io.Discard, os.Stdin) }

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func workerMain(cfg config.Config, configErr error, log *slog.Logger) int {
	ctx := context.Background()

	a, err := app.New(cfg, configErr, options(log))
	if err != nil {
		return fail(err)
	}

	if err := a.Start(ctx); err != nil {
		return fail(err)
	}

	a.Work(ctx)
	untilOrphaned()

	return 0
}

func hostMain(cfg config.Config, _ error, log *slog.Logger) int {
	ctx := context.Background()

	receivers, err := hostReceivers(ctx, cfg)
	if err != nil {
		return fail(err)
	}

	self, err := os.Executable()
	if err != nil {
		return fail(err)
	}

	h, err := devhost.New(devhost.Options{
		Root: os.Getenv(
			appEnv,
		),
		Addr:          "127.0.0.1:0",
		Receivers:     receivers,
		Executable:    self,
		Platform:      true,
		PlatformDelay: 100 * time.Millisecond,
		Env:           []string{roleEnv + "=" + roleHandler},
		Log:           log,
		Console:       func(_ string, _ slog.Level, line string) { fmt.Fprintln(os.Stderr, line) },
		OnEvent: func(e devhost.Event) {
			if e.Kind == devhost.EventStarted {
				_, _ = fmt.Fprintln(os.Stdout, "handler", e.PID) // fails if the test has exited
			}
		},
	})
	if err != nil {
		return fail(err)
	}

	if err := h.Start(ctx); err != nil {
		return fail(err)
	}

	untilOrphaned()

	return 0
}

func hostReceivers(ctx context.Context, cfg config.Config) (map[string]queue.Receiver, error) {
	receivers := map[string]queue.Receiver{}

	if cfg.Transport == config.TransportServiceBus {
		bus, err := servicebus.New(servicebus.Options{Connection: string(cfg.ServiceBus)})
		if err != nil {
			return nil, err
		}

		for _, name := range state.Queues {
			if receivers[name.String()], err = bus.Receiver(name); err != nil {
				return nil, err
			}
		}

		return receivers, nil
	}

	r, err := repo.Open(ctx, repo.Config{URL: string(cfg.DatabaseURL)})
	if err != nil {
		return nil, err
	}

	q := pgqueue.New(r.Pool(), pgqueue.Options{})
	for _, name := range state.Queues {
		receivers[name.String()] = q.Receiver(name)
	}

	return receivers, nil
}

// relayMain relays rows to Service Bus and does nothing else. Every handler and
// worker has a relay of its own as well.
func relayMain(cfg config.Config, _ error, log *slog.Logger) int {
	ctx := context.Background()

	r, err := repo.Open(ctx, repo.Config{URL: string(cfg.DatabaseURL)})
	if err != nil {
		return fail(err)
	}

	bus, err := servicebus.New(servicebus.Options{Connection: string(cfg.ServiceBus), Log: log})
	if err != nil {
		return fail(err)
	}

	q := pgqueue.New(r.Pool(), pgqueue.Options{Log: log, MaxDeliveries: math.MaxInt32})
	for _, name := range state.Queues {
		go q.Relay(ctx, name, bus)
	}

	untilOrphaned()

	return 0
}
