// Package repotest is for tests that need the source tree: where it is, and the
// Functions app in it as a host reads it.
//
// It owns nothing: what it writes lies in the test's own folder.
//
// It may import nothing of ours.
package repotest
