package app

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"coremachine/internal/httpserver"
	"coremachine/internal/telemetry/keys"
)

// Limits of the server of a plain worker, which may stand in a network. There
// is no limit of an answer's time: streams last.
const (
	maxConnections = 2000
	maxHeaderBytes = 64 << 10
	headerTimeout  = 5 * time.Second
	bodyTimeout    = 30 * time.Second // for all of a body
	writeTimeout   = time.Minute      // for one write of an answer
	idleTimeout    = 2 * time.Minute
)

// ServeAPI serves the HTTP API, and nothing of the host's contract, at the
// configured address, for a plain worker: outside the host nobody else checks
// keys. Call it after Start. It returns when the port is open; no address is no
// error.
func (a *App) ServeAPI(ctx context.Context) (net.Addr, error) {
	if a.cfg.HTTPAddress == "" {
		return nil, nil
	}

	l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.cfg.HTTPAddress)
	if err != nil {
		return nil, fmt.Errorf("HTTP_ADDRESS: %w", err)
	}

	limited := httpserver.Limit(l, maxConnections, writeTimeout)
	s := &http.Server{
		Handler:           withKeys(a.cfg.Keys(), httpserver.LimitBodies(bodyTimeout, a.http)),
		ConnState:         limited.ConnState,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	a.loops.Go(func() {
		if err := s.Serve(limited); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("HTTP API stopped", keys.Error, err)
		}
	})
	a.onStop(func() {
		limit, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()

		if s.Shutdown(limit) != nil {
			_ = s.Close() // streams last; their clients connect again
		}
	})

	return l.Addr(), nil
}

// withKeys lets through who knows a key, and everybody to the probes and to the
// dashboard's layout. Keys are compared by their digests and in constant time,
// so that neither their content nor their length can be guessed from the
// answer's time. No keys: everybody is let through.
func withKeys(known []string, next http.Handler) http.Handler {
	if len(known) == 0 {
		return next
	}

	digests := make([][sha256.Size]byte, len(known))
	for i, k := range known {
		digests[i] = sha256.Sum256([]byte(k))
	}

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := sha256.Sum256([]byte(r.Header.Get("X-Functions-Key")))

		found := 0
		for i := range digests {
			found |= subtle.ConstantTimeCompare(given[:], digests[i][:])
		}

		if found == 1 || open(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}

		httpserver.Dismiss(w) // nothing is read from a stranger
		httpserver.WriteProblem(w, r, httpserver.Problem{
			Status: http.StatusUnauthorized, Detail: "Send an API key in the header x-functions-key.",
		})
	})
}

// open tells what needs no key: probes, and what holds no data: the dashboard's
// layout and files, and the reference of the API.
func open(path string) bool {
	path = strings.TrimPrefix(path, "/api/")
	switch path {
	case "health", "livez", "readyz", "ui", "docs":
		return true
	}

	return strings.HasPrefix(path, "ui/")
}
