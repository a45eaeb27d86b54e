// Package azurite owns a private Azurite, Microsoft's emulator of Blob Storage,
// for a laptop, a demo, a test run or CI. It installs a pinned version with npm
// in a directory of the caller, starts it on a free port of the loopback
// address, and stops it.
//
// Every server has its own random account key and keeps its blobs in memory, so
// they are gone when it stops. Crash: the server reads from a pipe whose other
// end belongs to the process that started it, so it ends with that process. A
// lock file contains the versions and digests of all npm packages, and install
// scripts do not run.
//
// It may import internal/dev/npm.
package azurite
