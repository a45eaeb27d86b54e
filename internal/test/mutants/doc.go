// Command mutants shows that the tests detect the removal of each protection of
// the engine. Each patch in this folder removes one protection. Its first two
// lines name the protection and the test that must fail:
//
//	# drops: the protection that the patch removes
//	# red: internal/test/e2e TestName
//
// The command copies the repository, including uncommitted changes, to a
// temporary folder. There it applies one patch at a time and runs the one test.
// It exits with 1 if a test passes with its patch, reaches the time limit, or
// fails without a patch, or if a patch does not apply or build. With -check it
// only applies and builds the patches. A test of this package checks that each
// patch applies and names an existing test.
//
// It owns the copy and a Postgres, and removes both at the end. It only reads
// the repository. It may import pglocal.
package main
