// Command handler is the executable that host.json names.
package main

import (
	"coremachine"

	"example.com/wordcount/internal/handlers"
	"example.com/wordcount/internal/jobs"
)

func main() { coremachine.Main(jobs.All, handlers.All, coremachine.WithSchedules(jobs.Schedules)) }
