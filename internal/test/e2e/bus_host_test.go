package e2e_test

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/dev/devhost"
	"coremachine/internal/dev/sbfake"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/jobs/define"
	"coremachine/internal/queue"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/test/repotest"
)

// busHandler, as handlerEnv, makes the test binary the handler of these jobs.
const busHandler = "bus"

var (
	busJobs     = merge(jobs.All, map[string]define.Job{"small_bundles": smallBundles, "soak": soakJob})
	busHandlers = merge(handlers.All, map[string]handlers.Handler{
		string(fixtures.Number): fixtures.Handlers()[string(fixtures.Number)],
		string(fixtures.Sum):    fixtures.Handlers()[string(fixtures.Sum)],
		string(soakWork):        handlers.Func(runSoak, handlers.Timeout(10*time.Minute)),
	})
)

func merge[V any](all ...map[string]V) map[string]V {
	out := map[string]V{}
	for _, m := range all {
		maps.Copy(out, m)
	}

	return out
}

// smallBundles computes n numbers and their sum, in many messages.
var smallBundles = define.Define(define.Definition[fixtures.WideParams]{
	Description: "Numbers in bundles of ten, and their sum",
	Stages: []define.Stage[fixtures.WideParams]{
		{
			Name:   "work",
			Bundle: 10,
			Tasks: define.Dynamic(fixtures.Number, "n", func(_ fixtures.WideParams, i int) fixtures.NumberIn {
				return fixtures.NumberIn{Value: i}
			}),
		},
		{
			Name: "sum",
			Tasks: define.FanIn(
				fixtures.Sum,
				func(fixtures.WideParams) fixtures.SumIn { return fixtures.SumIn{Stages: []string{"work"}} },
			),
		},
	},
})

// startOnBus runs the test binary under devhost, with a Service Bus stand-in
// and the database at url.
func startOnBus(
	t *testing.T,
	url string,
	o sbfake.Options,
	settings ...func(*devhost.Options),
) (*hosted, *sbfake.Broker) {
	t.Helper()

	for _, name := range state.Queues {
		o.Queues = append(o.Queues, name.String())
	}

	broker := sbfake.New(o)
	t.Cleanup(broker.Close)

	address, err := broker.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	connection := sbfake.ConnectionString(address)
	h := &hosted{url: url}

	r, err := repo.Open(context.Background(), repo.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(r.Close)
	h.pool = r.Pool()
	q := pgqueue.New(h.pool, pgqueue.Options{}) // notifies the handler's relay
	t.Cleanup(q.Close)
	h.machine = coremachine.New(coremachine.Config{
		Jobs: busJobs, Handlers: busHandlers, Store: r, Wake: q.Wake, Log: slog.New(slog.DiscardHandler),
	})

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	options := devhost.Options{
		Root: repotest.AppFolder(
			t,
		),
		Addr:       "127.0.0.1:0",
		Receivers:  busReceivers(t, connection),
		Executable: self,
		Platform:   true,
		Env: []string{
			handlerEnv + "=" + busHandler,
			"DATABASE_URL=" + url,
			"LOG_LEVEL=error",
			"TRANSPORT=servicebus",
			"SERVICEBUS=" + connection,
		},
		Console: func(stream string, _ slog.Level, line string) { t.Log(stream, line) },
	}
	for _, set := range settings {
		set(&options)
	}

	if h.host, err = devhost.New(options); err != nil {
		t.Fatal(err)
	}

	if err := h.host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := h.host.Stop(); err != nil {
			t.Error(err)
		}
	})

	return h, broker
}

func busReceivers(t *testing.T, connection string) map[string]queue.Receiver {
	t.Helper()

	c, err := servicebus.New(
		servicebus.Options{
			Connection:    connection,
			RetryDelay:    20 * time.Millisecond,
			MaxRetryDelay: 200 * time.Millisecond,
		},
	)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()

		_ = c.Close(limit) // returns an error if the test dropped the connection
	})

	receivers := map[string]queue.Receiver{}

	for _, name := range state.Queues {
		r, err := c.Receiver(name)
		if err != nil {
			t.Fatal(err)
		}

		receivers[name.String()] = r

		t.Cleanup(func() { _ = r.Close() })
	}

	return receivers
}

// mustLeaveNothing checks that every queue and the messages table become empty.
func mustLeaveNothing(t *testing.T, h *hosted, b *sbfake.Broker) {
	t.Helper()
	waitFor(t, time.Minute, "the queues are empty", func() bool {
		for _, q := range state.Queues {
			if b.Depth(q.String()) != (sbfake.Depth{}) {
				return false
			}
		}

		return true
	})

	if n := h.number(t, `select count(*) from messages`); n != 0 {
		t.Errorf("%d rows are left in messages", n)
	}
}

// sends counts the messages in the broker's log, and the rows that they
// carried: bundles, plans and finishes.
func sends(b *sbfake.Broker) (sent, rows int) {
	known := map[string]bool{}

	log := b.Log()
	for _, e := range log {
		parts := strings.Split(e.MessageID, "/") // .../attempt/send
		known[strings.Join(parts[:len(parts)-2], "/")] = true
	}

	return len(log), len(known)
}

func (h *hosted) number(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()

	if err := h.pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}

	return n
}
