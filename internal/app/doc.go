// Package app is the composition root: it makes the parts of a process from its
// configuration, starts them in order and stops them in reverse.
//
// The program is a value: New, Start, Addr, Stop. A process listens first and
// initialises behind the open port, so the Functions host and probes always get
// an answer; a database that is away, an old schema and inconsistent registries
// make it not ready, never dead. Crash: nothing is kept here. Stop in good
// order puts back what the process holds.
//
// Only this package may import everything.
package app
