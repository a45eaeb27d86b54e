package main

import (
	"context"
	"os"
	"strings"
	"time"
)

// keptEnv marks a process that is meant to outlive its parent.
const keptEnv = "CORECTL_KEPT"

// withParent returns a context that ends with the `go run` that started this
// process. `go run` does not forward signals. If it is killed, everything that
// this process started would otherwise keep running.
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
