package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"coremachine/internal/heap"
)

func main() {
	heap.Pace()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], systemConsole())

	stop()
	os.Exit(code)
}
