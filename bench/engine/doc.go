// Package engine measures the engine and a floor, in the same run and on the
// same Postgres, so that their ratio is valid on a shared machine. The engine
// runs in this process, in plain workers, or in handlers under a host. Each
// worker, handler and host is a process of this program.
//
// The floor is what Postgres itself needs for such work. It uses one connection
// and prepared statements. For each stage it runs one INSERT .. SELECT
// generate_series of n rows. Then it runs UPDATEs of 500 rows by unnest with an
// 80-byte result and the counter, each with its own commit. The floor's
// connection has the same planner settings as the engine's connections.
//
// The package owns a schema, which it creates and drops, and the processes that
// it starts. If this process ends or is killed, their standard input ends, and
// so they end too. The package keeps nothing else, so a crash loses only the
// figures. A killed run leaves its schema, bench_*.
//
// It may import everything but app.
package engine
