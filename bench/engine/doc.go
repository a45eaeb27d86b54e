// Package engine measures the engine beside a floor, in the same run and on the
// same Postgres, so that a ratio can be told on a machine that others share.
// The engine is this process's own, or plain workers, or handlers under a host,
// each a process of this program.
//
// The floor is what Postgres itself does for such work, in fixed words: one
// connection, prepared statements; for each stage one INSERT .. SELECT
// generate_series of n rows, then UPDATEs of 500 rows by unnest with an 80-byte
// result and the counter, each its own commit. It plans as the engine's
// connections do.
//
// It owns a schema that it makes and drops, and the processes that it starts:
// they end with it, also when it is killed, since their standard input does.
// Nothing else is kept, so nothing is lost in a crash but the figures; a killed
// run leaves its schema, bench_*.
//
// It may import everything but app.
package engine
