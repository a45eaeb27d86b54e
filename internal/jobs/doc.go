// Package jobs owns the definitions of jobs, one file each, and the map All of
// those that exist. A definition is pure data and pure functions: what follows
// from it is the same however often, and on whichever process, it is computed.
//
// It may import only internal/state, internal/handlers and
// internal/jobs/define.
package jobs
