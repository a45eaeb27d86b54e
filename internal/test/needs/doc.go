// Package needs ends a test that needs a program which this machine lacks.
// Tests install nothing: the script .ci/setup does, and make test calls it.
//
// It owns nothing and guarantees nothing across a crash.
//
// Only tests import it. It may import only the standard library.
package needs
