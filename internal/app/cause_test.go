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

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/telemetry"
)

// TestACauseIsLoggedOnce has a server that resets each connection, so that the
// text of each failure names another local port.
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
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}

			_, _ = conn.Read(make([]byte, 1)) // so that the client waits for an answer
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()

			select {
			case tried <- struct{}{}:
			default:
			}
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
	// An attempt may also end in a write: that is another cause.
	if n := strings.Count(log.b.String(), `"not ready yet"`); n < 1 || n > 3 {
		t.Errorf("%d attempts of one cause are logged %d times:\n%s", attempts, n, log.b.String())
	}
}
