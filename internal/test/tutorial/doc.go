// Package tutorial does what docs/tutorial.md says: every command is run and
// every piece of code put in its place, in a copy of the project and in the
// order of the page, and what the page shows of the output is looked for in it.
//
// In the page a block that is run is "sh id=NAME", what it must print is "text
// of=NAME", with … for anything, and code is "go file=PATH": declarations that
// take the place of those of the same name, or a whole file where it begins
// with the package. delete=NAME takes a function away.
//
// Crash, duplicate and reorder are what the page makes of them: it kills a
// process. It holds tests only, and so may import everything.
package tutorial
