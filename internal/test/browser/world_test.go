package browser

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/coremachine"
	"coremachine/internal/dev/devhost"
	"coremachine/internal/handlers"
	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/telemetry"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/repotest"
)

// handlerEnv makes the test binary act as the handler that devhost spawns, with
// this package's jobs in its maps.
const handlerEnv = "BROWSER_HANDLER"

func TestMain(m *testing.M) {
	if os.Getenv(handlerEnv) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		cfg, err := config.Load(config.FromEnvironment())
		log := telemetry.NewLogger(os.Stdout, cfg.LogLevel, cfg.LogFormat)

		storeSample(shots)

		code := app.Main(ctx, cfg, err, app.Options{
			Jobs: testJobs, Handlers: testHandlers, Schedules: testSchedules, Log: log,
			Deps: handlers.Deps{Blobs: shots},
		})

		stop()
		os.Exit(code)
	}

	if os.Getenv(hostEnv) != "" {
		if err := actAsHost(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}

		os.Exit(0)
	}

	pgtest.Main(m)
}

// world is a whole deployment, and a browser that uses it.
type world struct {
	browser context.Context //nolint:containedctx // chromedp represents a browser by a context
	host    *devhost.Host
	pool    *pgxpool.Pool
	machine *coremachine.Machine // submits jobs; it has no lease and claims nothing
	gates   string               // folder of the gate files

	database string // its address
}

// newHost returns a host of the app in a folder, whose handler is this binary. It
// receives from the queues of q, which can be nil.
func newHost(
	root, database string, q *pgqueue.Queue, env, keys []string,
	console func(stream string, level slog.Level, line string),
) (*devhost.Host, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}

	receivers := map[string]queue.Receiver{}

	if q != nil {
		for _, name := range state.Queues {
			receivers[name.String()] = q.Receiver(name)
		}
	}

	return devhost.New(devhost.Options{
		Root: root, Addr: "127.0.0.1:0", Receivers: receivers, Executable: self, Keys: keys,
		Env: append([]string{
			handlerEnv + "=1", "DATABASE_URL=" + database, "LOG_LEVEL=warn",
			"TRACE_URL=https://logs.example.com/search?q={trace_id}",
		}, env...),
		TermFirst: 3 * time.Second,
		Console:   console,
	})
}

// start starts a deployment that requires one of the keys. Without keys, access
// is open.
func start(t testing.TB, keys ...string) *world {
	t.Helper()
	w := &world{browser: useBrowser(t), gates: t.TempDir(), database: pgtest.URL(t)}

	r, err := repo.Open(context.Background(), repo.Config{URL: w.database})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(r.Close)
	w.pool = r.Pool()
	q := pgqueue.New(w.pool, pgqueue.Options{})
	t.Cleanup(q.Close)

	w.machine = coremachine.New(coremachine.Config{
		Jobs: testJobs, Handlers: testHandlers, Store: r, Wake: q.Wake, Log: slog.New(slog.DiscardHandler),
	})

	env := []string{gatesEnv + "=" + w.gates}
	if len(keys) == 0 {
		env = append(env, "OPEN_DASHBOARD=true")
	}

	w.host, err = newHost(repotest.AppFolder(t), w.database, q, env, keys,
		func(stream string, _ slog.Level, line string) { t.Log(stream, line) })
	if err != nil {
		t.Fatal(err)
	}

	if err := w.host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := w.host.Stop(); err != nil {
			t.Error(err)
		}
	})
	awaitReady(t, w.host.URL())

	return w
}

// awaitReady polls until the service is ready.
func awaitReady(t testing.TB, address string) {
	t.Helper()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()

	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		req, err := http.NewRequestWithContext(
			t.Context(),
			http.MethodGet,
			address+"/health/readyz",
			nil,
		)
		if err != nil {
			t.Fatal(err)
		}

		if resp, err := client.Do(req); err == nil {
			if _ = resp.Body.Close(); resp.StatusCode == http.StatusOK {
				return
			}
		}
	}

	t.Fatal("the service is not ready")
}

// release opens a gate, so that the tasks that wait for it continue.
func (w *world) release(t testing.TB, gate string) {
	t.Helper()

	if err := os.WriteFile(filepath.Join(w.gates, gate), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w *world) submit(t testing.TB, jobType, params string) state.JobID {
	t.Helper()

	res, err := w.machine.Submit(t.Context(), coremachine.SubmitRequest{Type: jobType, Body: []byte(params)})
	if err != nil {
		t.Fatal(err)
	}

	return res.JobID
}
