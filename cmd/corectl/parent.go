package main

import (
	"context"
	"os"
	"strings"
	"time"
)

// keptEnv marks a process that is meant to outlive whoever started it.
const keptEnv = "CORECTL_KEPT"

// withParent ends with the `go run` that started this process. It passes no
// signal on: whoever kills `go run` would leave everything running that this
// process holds.
func withParent(ctx context.Context, getenv func(string) string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)

	self, err := os.Executable()
	if err != nil || !strings.Contains(self, "go-build") || getenv(keptEnv) != "" {
		return ctx, cancel
	}

	parent := os.Getppid()

	go func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()

		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if os.Getppid() != parent {
					cancel()
					return
				}
			}
		}
	}()

	return ctx, cancel
}
