package e2e_test

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/coremachine"
	"coremachine/internal/dev/devhost"
	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/telemetry"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/repotest"
)

// handlerEnv makes the test binary act as the handler that devhost spawns, with
// the gate jobs in its maps.
const handlerEnv = "E2E_HANDLER"

func TestMain(m *testing.M) {
	if os.Getenv(handlerEnv) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		cfg, err := config.Load(config.FromEnvironment())
		log := telemetry.NewLogger(os.Stdout, cfg.LogLevel, cfg.LogFormat)

		jobs, handlers := gateJobs, gateHandlers
		if os.Getenv(handlerEnv) == busHandler {
			jobs, handlers = busJobs, busHandlers
		}

		code := app.Main(ctx, cfg, err, app.Options{Jobs: jobs, Handlers: handlers, Log: log})

		stop()
		os.Exit(code)
	}

	repotest.BuildAsDelivered()
	pgtest.WaitBound(parallelTests)
	pgtest.Main(m, goleak.IgnoreTopFunction(renewer))
}

// parallelTests keeps two CPUs busy: a test uses a quarter of one on average.
// More of them only make each other slow.
const parallelTests = 4

// renewer is a goroutine that azservicebus occasionally leaves behind when a
// connection is cut while links open. It waits to refresh a token.
const renewer = "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus/internal." +
	"(*Namespace).startNegotiateClaimRenewer.func3"

// hosted is a whole deployment: a database schema, the local host, and the
// handler process that it spawns.
type hosted struct {
	url     string
	pool    *pgxpool.Pool
	host    *devhost.Host
	machine *coremachine.Machine // submits jobs; it has no lease and claims nothing
}

// startHosted runs the test binary under devhost.
func startHosted(t *testing.T, env ...string) *hosted {
	t.Helper()
	h := &hosted{url: pgtest.URL(t)}

	r, err := repo.Open(context.Background(), repo.Config{URL: h.url})
	if err != nil {
		t.Fatal(err)
	}

	h.pool = r.Pool()
	q := pgqueue.New(h.pool, pgqueue.Options{})

	receivers := map[string]queue.Receiver{}
	for _, name := range state.Queues {
		receivers[name.String()] = q.Receiver(name)
	}

	h.machine = coremachine.New(coremachine.Config{
		Jobs: gateJobs, Handlers: gateHandlers, Store: r, Wake: q.Wake, Log: slog.New(slog.DiscardHandler),
	})

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	h.host, err = devhost.New(devhost.Options{
		Root: repotest.AppFolder(
			t,
		),
		Addr:       "127.0.0.1:0",
		Receivers:  receivers,
		Executable: self,
		Platform:   true,
		Env:        append([]string{handlerEnv + "=1", "DATABASE_URL=" + h.url, "LOG_LEVEL=warn"}, env...),
		Console:    func(stream string, _ slog.Level, line string) { t.Log(stream, line) },
	})
	if err != nil {
		t.Fatal(err)
	}

	if err := h.host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := h.host.Stop(); err != nil {
			t.Error(err)
		}

		q.Close()
		r.Close()
	})

	return h
}

func (h *hosted) submit(t *testing.T, jobType, params string) state.JobID {
	t.Helper()

	res, err := h.machine.Submit(t.Context(), coremachine.SubmitRequest{Type: jobType, Body: []byte(params)})
	if err != nil {
		t.Fatal(err)
	}

	return res.JobID
}

func (h *hosted) status(t *testing.T, id state.JobID) state.JobStatus {
	t.Helper()

	var status state.JobStatus
	if err := h.pool.QueryRow(t.Context(), `select status from jobs where job_id = $1`, id[:]).
		Scan(&status); err != nil {
		t.Fatal(err)
	}

	return status
}

// waitFor polls until ok returns true, for at most limit.
func waitFor(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()

	limit = pgtest.Patience(t, limit)

	end := time.NewTimer(limit)
	defer end.Stop()

	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()

	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("timed out after %s waiting until %s", limit, what)
		}
	}
}
