package funchost

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"coremachine/internal/state"
)

// Environment variables in which the host names the port, the newer one first.
const (
	EnvPort       = "FUNCTIONS_CUSTOMHANDLER_PORT"
	EnvPortLegacy = "FUNCTIONS_HTTPWORKER_PORT"
)

const (
	// how long a port may still belong to the process that the host has just
	// killed
	bindPatience = 2 * time.Second
	bindPause    = 20 * time.Millisecond
)

// Listen opens the port that the host names, on 127.0.0.1 only, and must be the
// first thing that the process does: the host polls it and gives up after its
// initialization timeout. Without either variable it takes fallback (0: any
// free port). A port in use is retried for about 2 s, since the host gives a
// restarted process the port of the one it killed.
func Listen(ctx context.Context, getenv func(string) string, fallback int) (net.Listener, error) {
	port, err := Port(getenv, fallback)
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithTimeout(ctx, bindPatience)
	defer cancel()

	tick := time.NewTicker(bindPause)
	defer tick.Stop()

	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for {
		l, err := new(net.ListenConfig).Listen(context.WithoutCancel(ctx), "tcp4", address)
		if err == nil {
			return l, nil
		}

		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("funchost.Listen: %w", err)
		}

		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("funchost.Listen: port %d is still in use: %w", port, err)
		case <-tick.C:
		}
	}
}

// Port reads the port from the environment. A value that is no port is an Error
// with CodeInvalid that names the variable.
func Port(getenv func(string) string, fallback int) (int, error) {
	for _, name := range []string{EnvPort, EnvPortLegacy} {
		text := getenv(name)
		if text == "" {
			continue
		}

		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return 0, state.Invalid("funchost.Port", "the host names no usable port",
				state.FieldError{Field: name, Message: fmt.Sprintf("%q is not a port from 1 to 65535", text)})
		}

		return int(port), nil
	}

	return fallback, nil
}
