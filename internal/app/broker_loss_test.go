package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/coremachine"
	"coremachine/internal/dev/sbfake"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// TestABrokerThatLostItsState replaces the broker by an empty one while it
// holds the messages of six jobs. Two plain workers, which no host feeds and no
// timer wakes, complete the jobs by themselves.
func TestABrokerThatLostItsState(t *testing.T) {
	t.Parallel()

	const count = 6

	options := sbfake.Options{Queues: []string{"jobs", "tasks", "long-tasks"}}
	broker := sbfake.New(options)

	address, err := broker.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	database := pgtest.URL(t)
	settings := map[string]string{
		"DATABASE_URL": database, "SERVICEBUS": sbfake.ConnectionString(address), "DRAIN_TIMEOUT": "1s",
		"DATABASE_CONNECTIONS": "4",
	}
	first, second := plainWorker(t, settings), plainWorker(t, settings)

	pool, err := pgxpool.New(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(pool.Close)

	number := func(sql string) (n int) {
		t.Helper()

		if err := pool.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Fatal(err)
		}

		return n
	}

	until(t, func() bool { return first.Ready() == nil })

	for i := range count {
		params := fmt.Appendf(nil, `{"n":3,"message":"job %d"}`, i)

		request := coremachine.SubmitRequest{Type: "hello_world", Body: params}
		if _, err := first.Machine().Submit(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}

	until(t, func() bool { return number("select count(*) from messages where sent_at is null") == 0 })

	if sent := number("select count(*) from messages"); sent < count {
		t.Fatalf("%d messages were sent, want %d or more", sent, count)
	}

	broker.Close()

	empty := sbfake.New(options)
	t.Cleanup(empty.Close)

	if _, err := empty.Listen(address); err != nil {
		t.Fatal(err)
	}

	first.Work(t.Context())
	second.Work(t.Context())

	until(t, func() bool { return number("select count(*) from jobs where status = 'completed'") == count })
}

// plainWorker starts a process that serves nothing and, before Work, receives
// nothing. Its fleet sweeps every two seconds.
func plainWorker(t *testing.T, settings map[string]string) *app.App {
	t.Helper()

	return workerThatSweeps(t, settings, 2*time.Second)
}

func workerThatSweeps(t *testing.T, settings map[string]string, every time.Duration) *app.App {
	t.Helper()

	cfg, configErr := config.Load(settings)

	a, err := app.New(cfg, configErr, app.Options{
		Jobs:       jobs.All,
		Handlers:   handlers.All,
		Log:        slog.New(slog.DiscardHandler),
		SweepEvery: every,
	})
	if err != nil {
		t.Fatal(err)
	}

	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()

		if err := a.Stop(limit); err != nil {
			t.Error(err)
		}
	})

	return a
}

// TestReceiversAreNotedWhenTheyStart has no sweep, and so no duty, during the
// test.
func TestReceiversAreNotedWhenTheyStart(t *testing.T) {
	t.Parallel()

	database := pgtest.URL(t)

	pool, err := pgxpool.New(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(pool.Close)

	settings := map[string]string{"DATABASE_URL": database, "TRANSPORT": "postgres"}
	workerThatSweeps(t, settings, time.Hour).Work(t.Context())

	until(t, func() bool {
		var noted int

		row := pool.QueryRow(t.Context(), "select count(*) from receivers where idle_at = '-infinity'")
		if err := row.Scan(&noted); err != nil {
			t.Fatal(err)
		}

		return noted == len(state.Queues)
	})
}
