// Command corectl is the tool of developers and operators: it submits, watches
// and mends jobs over the HTTP API, starts everything on a laptop, and writes
// the files of a new job.
//
// It owns what a terminal sees and the exit codes that scripts rely on (see
// `corectl help exit-codes`), and a file of recently submitted ids. Results go
// to standard output; progress, hints and questions go to standard error. It
// can be killed at any moment: a job never depends on who watches it,
// submitting again is the same job, and every watch begins with a fresh
// reading, so that answers that come twice or late change nothing but the
// picture.
//
// It may import app, config, telemetry and state; repo to migrate,
// queue/servicebus to check it, jobs and handlers to hand them to app. What dev
// and demo need besides is in internal/local.
package main
