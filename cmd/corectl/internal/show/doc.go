// Package show turns what the API answers into text: durations, counts, bars,
// tables, the frame that a watch redraws and the plain lines that it prints
// where nobody looks at a terminal.
//
// It owns no file, no clock and no connection: every function is a function of
// its arguments, so that the golden files in testdata are the specification.
// The same answer twice is the same text twice; an older answer drawn after a
// newer one is only an older text. No text that it draws holds a control
// character that came from a job.
//
// It may import cmd/corectl/internal/client and the standard library.
package show
