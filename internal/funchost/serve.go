package funchost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"coremachine/internal/httpserver"
	"coremachine/internal/state"
)

// Limits of the server. The time of a response is not limited, because a stream
// stays open and the host limits each call. The host passes a body on as slowly
// as its client sends it. It keeps idle connections for 60 s. idleTimeout is
// longer, so that the host does not post to a connection that is being closed.
const (
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 3 * time.Minute
	maxHeaderBytes    = 128 << 10
	maxConnections    = 4096
	// bodyTimeout limits the time of a whole request body.
	bodyTimeout = 30 * time.Second
	// writeTimeout limits one write of a response.
	writeTimeout = time.Minute

	// finishTime is how long calls can continue after the stop before their
	// contexts end.
	finishTime = 2 * time.Second
	// closeTime is how long connections stay open after the stop.
	closeTime = 5 * time.Second
)

// Serve serves l until ctx ends. Then it stops accepting, gives running calls 2
// s to finish, ends their contexts, and closes remaining connections after 5 s.
// It returns nil after such a stop. If l is reachable from other machines,
// Serve returns an error with CodeInvalid. Serve closes l and must be called
// only once.
func (h *Host) Serve(ctx context.Context, l net.Listener) error {
	defer h.cancel()

	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		return errors.Join(
			state.Errorf(state.CodeInvalid, "funchost.Serve", "%s can be reached from outside", a),
			l.Close(),
		)
	}

	limited := httpserver.Limit(l, maxConnections, writeTimeout)
	server := &http.Server{
		Handler:           httpserver.LimitBodies(bodyTimeout, h),
		ConnState:         limited.ConnState,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return h.base },
	}

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(limited) }()

	select {
	case err := <-failed:
		return fmt.Errorf("funchost.Serve: %w", err)
	case <-ctx.Done():
	}

	h.stop()

	finish := time.AfterFunc(finishTime, h.cancel)
	defer finish.Stop()

	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()

	if err := server.Shutdown(closing); err != nil {
		_ = server.Close() // the host does the same with the remaining connections
	}

	<-failed //nolint:errcheck // always ErrServerClosed

	return nil
}
