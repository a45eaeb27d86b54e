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
	"coremachine/internal/view"
)

// Limits of the server of a plain worker, which other machines may reach. The
// total time of a response is unlimited, because streams last.
const (
	maxConnections = 2000
	maxHeaderBytes = 64 << 10
	headerTimeout  = 5 * time.Second
	bodyTimeout    = 30 * time.Second // for all of a body
	writeTimeout   = time.Minute      // for one write of an answer
	idleTimeout    = 2 * time.Minute
)

// ServeAPI serves the HTTP API of a plain worker at the configured address. It
// does not serve the host's contract. It checks keys, because a plain worker
// has no host that does. Call it after Start. It returns when the port is open.
// If no address is configured, it returns nil without an error.
func (a *App) ServeAPI(ctx context.Context) (net.Addr, error) {
	handler := withKeys(a.cfg.Keys(), httpserver.LimitBodies(bodyTimeout, a.http))

	return a.listen(ctx, "HTTP_ADDRESS", a.cfg.HTTPAddress, handler)
}

// ServeProbes answers /livez and /readyz at the configured address, without a
// key: they reveal why the process cannot work, and no data. Call it after
// Start. If no address is configured, it returns nil without an error.
func (a *App) ServeProbes(ctx context.Context) (net.Addr, error) {
	probes := http.NewServeMux()

	probes.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	})
	probes.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.Ready(); err != nil {
			httpserver.WriteProblem(w, r, httpserver.Problem{
				Status: http.StatusServiceUnavailable, Detail: err.Error(),
			})

			return
		}

		w.WriteHeader(http.StatusOK)
	})

	return a.listen(ctx, "PROBE_ADDRESS", a.cfg.ProbeAddress, probes)
}

// listen serves a handler at the address of a setting until Stop.
func (a *App) listen(ctx context.Context, setting, address string, handler http.Handler) (net.Addr, error) {
	if address == "" {
		return nil, nil
	}

	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}

	limited := httpserver.Limit(l, maxConnections, writeTimeout)
	s := &http.Server{
		Handler:           handler,
		ConnState:         limited.ConnState,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	a.loops.Go(func() {
		if err := s.Serve(limited); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("HTTP server stopped", keys.Error, err)
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

// withKeys rejects requests without a known key, except for the probes and the
// dashboard's layout. It compares the digests of keys in constant time, so that
// the response time reveals neither their content nor their length. If known is
// empty, withKeys accepts every request.
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
		w.Header().Set("Link", view.RunbookAccess.Link("/api"))
		httpserver.WriteProblem(w, r, httpserver.Problem{
			Status: http.StatusUnauthorized, Detail: "Send an API key in the header x-functions-key.",
		})
	})
}

// open reports whether a path needs no key. Such paths are the probes, and
// pages without data: the dashboard's layout and files, and the API reference.
func open(path string) bool {
	path = strings.TrimPrefix(path, "/api/")
	switch path {
	case "health", "livez", "readyz", "ui", "docs":
		return true
	}

	return strings.HasPrefix(path, "ui/")
}
