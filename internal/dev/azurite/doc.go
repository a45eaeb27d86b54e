// Package azurite owns a private Azurite, Microsoft's stand-in of Blob Storage,
// for a laptop, a demo, a test run or CI: it installs a pinned version with npm
// below a folder that the caller names, starts it on a free port of the
// loopback address, and stops it.
//
// Every server has an account key of its own, drawn at its start, and keeps its
// blobs in memory: they are gone when it stops. Crash: the server reads a pipe
// whose other end its starter holds, so it ends when that is killed. The
// versions and digests of all that npm fetches stand in a lock file, and none
// of its install scripts runs.
//
// It may import internal/dev/npm.
package azurite
