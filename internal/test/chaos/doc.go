// Package chaos runs the whole of it as real processes, breaks them while jobs
// run, and then counts what was lost.
//
//	make chaos MINUTES=5
//
// Local hosts with the handlers that they spawn, plain workers and, over
// Service Bus, relays work on one database. Several things go wrong at once:
// the handlers, the workers, the hosts and the relays are killed in turn, more
// than one in two seconds, where possible with tasks in hand and now and then
// inside a transaction, and replaced by processes of another build, which
// declares a job otherwise; Postgres crashes; connections are cut; a worker is
// stopped for longer than its lease. Leases and limits are those of production.
// A run that broke too little fails.
//
// The judge is the database: every job that was acknowledged must have ended as
// it must, the books must balance, and the history of statuses, which triggers
// keep, must hold nothing that cannot be. A run prints its seed, what it broke
// and what was lost.
//
// Without -chaos.minutes it runs for a few seconds over each transport. It
// holds tests only, and so may import everything.
package chaos
