// Package render formats the API's answers as text: durations, counts, bars,
// tables, the frame that a watch redraws, and the plain lines that a watch
// prints if there is no terminal.
//
// It owns no files, clocks or connections. The output of every function depends
// only on its arguments, so that the golden files in testdata are the
// specification. The same answer always produces the same text. An older answer
// that is drawn after a newer one only shows older text. No control character
// of a job's text reaches the output.
//
// It may import cmd/corectl/internal/client and the standard library.
package render
