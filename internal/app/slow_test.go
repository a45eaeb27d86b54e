package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/test/pgtest"
)

// slowConnections is how many concurrent connections stop sending. The full
// test needs a limit of open files of at least twice the number:
//
//	go test ./internal/app -run TestSlowStrangersAreAnsweredAndLeft -args -slow-connections=1500
var slowConnections = flag.Int(
	"slow-connections",
	100,
	"connections that send one byte of their body and no more",
)

const apiKey = "0123456789abcdef"

// servingWorker serves the API of a worker that has a key, and returns where.
func servingWorker(t *testing.T) string {
	t.Helper()
	cfg, err := config.Load(map[string]string{
		"DATABASE_URL":  pgtest.URL(t),
		"HTTP_ADDRESS":  "127.0.0.1:0",
		"API_KEYS":      apiKey,
		"DRAIN_TIMEOUT": "1s",
	})

	a, err := app.New(
		cfg,
		err,
		app.Options{Jobs: jobs.All, Handlers: handlers.All, Log: slog.New(slog.DiscardHandler)},
	)
	if err != nil {
		t.Fatal(err)
	}

	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	address, err := a.ServeAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()

		if err := a.Stop(limit); err != nil {
			t.Error(err)
		}
	})

	return address.String()
}

func TestSlowStrangersAreAnsweredAndLeft(t *testing.T) {
	t.Parallel()
	address := servingWorker(t)

	const request = "POST /api/jobs/submit/hello_world HTTP/1.1\r\nHost: h\r\nX-Functions-Key: wrong\r\n" +
		"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"

	ctx, cancel := context.WithTimeout(t.Context(), pgtest.Patience(t, time.Minute))
	defer cancel()

	var all sync.WaitGroup
	for range *slowConnections {
		all.Go(func() {
			begin := time.Now()

			res, err := slowly(ctx, address, request)
			if err != nil {
				t.Error(err)
				return
			}

			if res.status != http.StatusUnauthorized || res.title != "Unauthorized" ||
				res.code != "unauthorized" ||
				res.id == "" {
				t.Errorf("answered %+v", res)
			}

			if answered, closed := res.answered.Sub(begin), res.closed.Sub(
				begin,
			); answered > 20*time.Second ||
				closed > 40*time.Second {
				t.Errorf("answered after %v, closed after %v", answered, closed)
			}
		})
	}

	all.Wait()
}

type slowAnswer struct {
	status           int
	title, code, id  string
	answered, closed time.Time
}

// slowly sends a request that does not end, and follows its connection to the
// end.
func slowly(ctx context.Context, address, request string) (got slowAnswer, err error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()

	if end, limited := ctx.Deadline(); limited {
		err = c.SetDeadline(end)
	}

	if _, bad := io.WriteString(c, request); err != nil || bad != nil {
		return got, errors.Join(err, bad)
	}

	r := bufio.NewReader(c)

	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return got, err
	}

	defer func() { _ = res.Body.Close() }()

	var p struct {
		Title, Code string
		RequestID   string `json:"request_id"`
	}
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		return got, err
	}

	got = slowAnswer{
		status:   res.StatusCode,
		title:    p.Title,
		code:     p.Code,
		id:       p.RequestID,
		answered: time.Now(),
	}

	_, err = io.Copy(io.Discard, r)

	got.closed = time.Now()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return got, err
	}

	return got, nil // a reset is an end too
}
