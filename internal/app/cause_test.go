package app_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/telemetry"
)

// TestACauseIsLoggedOnce has a server that refuses connections for two causes
// in turn, each time with another text.
func TestACauseIsLoggedOnce(t *testing.T) {
	t.Parallel()

	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	const attempts = 20

	tried := make(chan struct{}, 1000)

	var accepting sync.WaitGroup
	accepting.Go(func() {
		for attempt := range 1000 {
			conn, err := l.Accept()
			if err != nil {
				return
			}

			refuse(conn, attempt)

			tried <- struct{}{}
		}
	})
	t.Cleanup(func() {
		_ = l.Close()

		accepting.Wait()
	})

	cfg, err := config.Load(
		map[string]string{"DATABASE_URL": fmt.Sprintf("postgres://u@%s/d?sslmode=disable", l.Addr())},
	)
	if err != nil {
		t.Fatal(err)
	}

	log := &lines{}

	a, err := app.New(
		cfg,
		nil,
		app.Options{Jobs: jobs.All, Handlers: handlers.All, Log: telemetry.NewLogger(log, "info", "json")},
	)
	if err != nil {
		t.Fatal(err)
	}

	begin(t, a)

	for range attempts {
		<-tried
	}

	limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	_ = a.Stop(limit) // the database is away

	http.DefaultClient.CloseIdleConnections()

	log.mu.Lock()
	defer log.mu.Unlock()

	if n := strings.Count(log.b.String(), `"not ready yet"`); n != 2 {
		t.Errorf("%d attempts with two causes are logged %d times, want 2:\n%s", attempts, n, log.b.String())
	}
}

// refuse answers the start of a connection with an error, as Postgres does.
func refuse(conn net.Conn, attempt int) {
	backend := pgproto3.NewBackend(conn, conn)
	_, _ = backend.ReceiveStartupMessage() // the client may be gone

	code := []string{pgerrTooManyConnections, pgerrStartingUp}[attempt%2]
	backend.Send(&pgproto3.ErrorResponse{
		Severity: "FATAL", Code: code, Message: fmt.Sprintf("connection %d is refused", attempt),
	})
	_ = backend.Flush()
	_ = conn.Close()
}

const (
	pgerrTooManyConnections = "53300"
	pgerrStartingUp         = "57P03"
)
