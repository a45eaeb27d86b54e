// Package bench measures the engine beside a floor, in the same run and on the same Postgres, so that a ratio can be told on a machine
// that others share.
//
// The floor is what Postgres itself does for such work, in fixed words: one connection, prepared statements; for each stage one
// INSERT .. SELECT generate_series of n rows, then UPDATEs of 500 rows by unnest with an 80-byte result and the counter, each its own
// commit. It plans as the engine's connections do.
//
// It owns a schema that it makes and drops. Nothing else is kept, so nothing is lost in a crash but the figures.
//
// It may import everything but app.
package bench
