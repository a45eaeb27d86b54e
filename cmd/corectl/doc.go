// Command corectl is the tool of developers and operators: it submits, watches
// and repairs jobs over the HTTP API, starts everything on a laptop, and writes
// the files of a new job.
//
// It owns the terminal output, the exit codes that scripts rely on (see
// `corectl help exit-codes`), and a file of recently submitted ids. Results go
// to standard output. Progress, hints and questions go to standard error. It
// can be killed at any moment, because a job does not depend on its watchers:
// submitting again finds the same job, and every watch begins with a fresh
// reading. Answers that arrive twice or late only affect the display.
//
// It may import app, config, state and view. It may also import repo to
// migrate, queue/servicebus to check the bus, and jobs for completion. The
// additional code of dev and demo is in internal/dev/local. It contains no
// benchmark, no test fixture and no worker.
package main
