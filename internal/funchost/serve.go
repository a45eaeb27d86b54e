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

// Limits of the server. There is no limit of an answer's time: a stream may
// last, and the host bounds each call. A body that the host passes on may come
// as slowly as its client sends it. The host keeps idle connections for 60 s,
// so ours must last longer, or it would now and then post into a closing one.
const (
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 3 * time.Minute
	maxHeaderBytes    = 128 << 10
	maxConnections    = 4096
	bodyTimeout       = 30 * time.Second // for all of a body
	writeTimeout      = time.Minute      // for one write of an answer

	finishTime = 2 * time.Second // for calls under way, once stopping began, before their contexts end
	closeTime  = 5 * time.Second // before their connections are closed
)

// Serve answers on l until ctx ends; then it stops accepting, gives calls under
// way 2 s to finish, ends their contexts, and after 5 s closes what is left. It
// returns nil after such a stop. A listener that others than this machine can
// reach is refused with CodeInvalid. Serve takes over l and may be called once.
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
		_ = server.Close() // what is left is cut off, which is what the host does too
	}

	<-failed //nolint:errcheck // ErrServerClosed, since it was told to

	return nil
}
