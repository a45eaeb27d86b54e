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

// Environment variables with the port of the host, the newer one first.
const (
	EnvPort       = "FUNCTIONS_CUSTOMHANDLER_PORT"
	EnvPortLegacy = "FUNCTIONS_HTTPWORKER_PORT"
)

const (
	// bindTimeout is how long the port may still belong to the process that the
	// host has just killed.
	bindTimeout = 2 * time.Second
	bindPause   = 20 * time.Millisecond
)

// Listen opens the port of the host on 127.0.0.1. It must be the first thing
// that the process does, because the host polls the port until its
// initialization timeout. Without either variable it uses fallback, or any free
// port if that is 0. It retries for about 2 s if the port is in use, because
// the host assigns the port of a killed process to its successor.
func Listen(ctx context.Context, getenv func(string) string, fallback int) (net.Listener, error) {
	port, err := Port(getenv, fallback)
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithTimeout(ctx, bindTimeout)
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

// Port reads the port from the environment. If the value is not a port, it
// returns an error with CodeInvalid that names the variable.
func Port(getenv func(string) string, fallback int) (int, error) {
	for _, name := range []string{EnvPort, EnvPortLegacy} {
		text := getenv(name)
		if text == "" {
			continue
		}

		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return 0, state.Invalid("funchost.Port", "invalid port of the host",
				state.FieldError{Field: name, Message: fmt.Sprintf("%q is not a port from 1 to 65535", text)})
		}

		return int(port), nil
	}

	return fallback, nil
}
