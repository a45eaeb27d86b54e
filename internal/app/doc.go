// Package app is the composition root: it makes the parts of a process from its
// configuration, starts them in order and stops them in reverse.
//
// The program is a value: New, Start, Addr, Stop. A process listens first and
// initialises behind the open port, so the Functions host and probes always get
// an answer. If the database is unavailable, the schema is old or the
// registries are inconsistent, the process is not ready, but it stays alive.
// The package stores nothing, so a crash loses nothing here. Stop requeues the
// unfinished messages.
//
// Only this package may import everything.
package app
