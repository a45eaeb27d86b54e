// Package chaos runs the whole of it as real processes, breaks them in turn while jobs run, and then counts what was lost.
//
//	make chaos MINUTES=10
//
// A local host with the handler that it spawns, two plain workers and, over Service Bus, a relay work on one database; the handler, the
// workers, the host and the relay are killed, a worker is stopped for longer than its lease, Postgres crashes, connections are cut.
// The judge is the database: every job that was acknowledged must have ended as it must, the books must balance, and the history of
// statuses must hold nothing that cannot be. A run prints its seed, what it broke and what was lost.
//
// Without -chaos.minutes it runs for a few seconds over each transport. It holds tests only, and so may import everything.
package chaos
