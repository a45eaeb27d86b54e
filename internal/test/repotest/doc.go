// Package repotest locates the source tree for tests, and provides the
// Functions app in the layout that a host reads.
//
// It owns nothing. It writes only to the folder of a test.
//
// It may import only the standard library.
package repotest
