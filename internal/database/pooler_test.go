package database_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/database"
	"coremachine/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t *testing.T, address string) *database.DB {
	t.Helper()

	db, err := database.Open(t.Context(), database.Config{URL: address, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(db.Close)

	return db
}

const settings = `select concat_ws(' ', current_setting('lock_timeout'), current_setting('statement_timeout'),
	current_setting('plan_cache_mode'), current_setting('enable_seqscan'), current_setting('timezone'))`

// TestEveryTransactionHasItsSettings reads the settings through each method
// that sends statements, with and without a pooler.
func TestEveryTransactionHasItsSettings(t *testing.T) {
	t.Parallel()

	through, direct := pgtest.Pooled(t)
	for address, pooled := range map[string]bool{through: true, direct: false} {
		db := open(t, address)

		const want = "5s 10s force_generic_plan off UTC"

		var got string
		for range 5 {
			if err := db.QueryRow(t.Context(), settings).Scan(&got); err != nil || got != want {
				t.Errorf("pooled %t: a statement has %q, want %q; %v", pooled, got, want, err)
			}
		}

		if db.Pooled() != pooled {
			t.Errorf("pooled is %t, want %t", db.Pooled(), pooled)
		}

		var b pgx.Batch
		b.Queue(settings)

		results := db.SendBatch(t.Context(), &b)
		if err := results.QueryRow().Scan(&got); err != nil || got != want {
			t.Errorf("pooled %t: a batch has %q, want %q; %v", pooled, got, want, err)
		}

		if err := results.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSettingsDoNotOutliveTheirTransaction(t *testing.T) {
	t.Parallel()
	through, _ := pgtest.Pooled(t)

	db := open(t, through)
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}

	var got string
	if err := db.Pool().QueryRow(t.Context(), `show lock_timeout`).Scan(&got); err != nil || got != "0" {
		t.Errorf("a later client of the session has lock_timeout %s, want 0; %v", got, err)
	}
}

func TestPoolerReportsUnsupportedFeatures(t *testing.T) {
	t.Parallel()

	through, _ := pgtest.Pooled(t)

	err := open(t, through+"&search_path=public").Ping(t.Context())
	if !errors.Is(err, database.ErrSearchPath) {
		t.Errorf("search_path in the URL: got %v, want ErrSearchPath", err)
	}

	err = open(t, through).Listen(t.Context(), "listen x", func() {}, func(string) {})
	if !errors.Is(err, database.ErrNoListen) {
		t.Errorf("Listen returned %v, want ErrNoListen", err)
	}
}

// TestListenEndsWhenConnectionFreezes makes the connection of a listener fail
// without being closed while it is idle.
func TestListenEndsWhenConnectionFreezes(t *testing.T) {
	t.Parallel()
	proxy, through := pgtest.NewProxy(t, pgtest.URL(t))
	db := open(t, through)
	listening, ended := make(chan struct{}), make(chan error, 1)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	go func() {
		ended <- db.Listen(ctx, "listen x", func() { close(listening) }, func(string) {})
	}()

	<-listening
	proxy.Freeze()

	limit := time.AfterFunc(pgtest.Patience(t, time.Minute), cancel) // so that a Listen without end fails
	defer limit.Stop()

	if err := <-ended; !errors.Is(err, database.ErrDead) {
		t.Errorf("Listen returned %v, want ErrDead", err)
	}
}

// TestExhaustedPoolReturnsErrNoConnection waits for a connection that is never
// released.
func TestExhaustedPoolReturnsErrNoConnection(t *testing.T) {
	t.Parallel()

	db := open(t, pgtest.URL(t))
	for range 4 {
		conn, err := db.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
	}

	if err := db.Ping(t.Context()); !errors.Is(err, database.ErrNoConnection) {
		t.Errorf("the fifth caller for four connections got %v, want ErrNoConnection", err)
	}
}
