// Package heap paces the garbage collector of a process whose live memory is
// small. The engine keeps a few megabytes; at the default pace its short-lived
// memory has it collected dozens of times a second, and each time the stacks of
// idle goroutines are shrunk, to grow again with the next task: a third of the
// processor's time under load.
//
// It owns the process's GC percentage, unless somebody else has set that or a
// memory limit. It keeps nothing that a crash could lose.
//
// It may import only the standard library.
package heap
