// Package upgrade runs the last release next to this build.
//
// Its tests build the handler of the release from its commit and start it as a
// plain process next to the handler of this build, on one database that this
// build has migrated. They show that a deployment can take place at any moment:
// both builds complete jobs, and each finishes what the other has begun.
//
// The handler of the release is kept in .local/upgrade, by commit. The package
// owns nothing else. It may import everything, and only tests may import it.
package upgrade
