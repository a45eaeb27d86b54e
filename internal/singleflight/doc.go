// Package singleflight adds to golang.org/x/sync/singleflight a result type,
// and a context for each caller: a call continues within its own time limit
// when the caller that started it leaves, because other callers wait for it.
//
// At most one call for a key is in progress. Results are not kept after the
// call ends, so a crash loses nothing.
//
// It may import nothing from internal/.
package singleflight
