package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	process "coremachine/internal/app"
)

func main() {
	process.TuneGC()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], systemConsole())

	stop()
	os.Exit(code)
}
