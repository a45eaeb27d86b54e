// Command mutants shows that the tests notice when a protection of the engine
// is gone. Each patch of this folder drops one and names in its first two lines
// what it drops and the test that must turn red:
//
//	# drops: what the program no longer does
//	# red: internal/test/e2e TestName
//
// It copies the repository as it stands to a temporary folder, and there
// applies one patch at a time and runs the one test. It exits with 1 when a
// test stays green, when a patch no longer applies or builds, and when a test
// is red without any patch. With -check it applies and builds the patches only.
// A test of this package sees that each applies and names a test that is there.
//
// It owns the copy and a Postgres, which go with it; the repository is only
// read. It may import pglocal.
package main
