// Command handler is the executable that host.json names: the whole app behind
// the custom handler contract of the Functions host. "handler worker" runs the
// same engine as a plain process.
package main

import (
	"os"

	"coremachine/internal/app"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
)

func main() { os.Exit(app.Command(os.Args[1:], jobs.All, handlers.All, jobs.Schedules)) }
