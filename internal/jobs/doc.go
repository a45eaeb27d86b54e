// Package jobs owns the definitions of jobs, one file each, and the map All of
// those that exist. A definition is pure data and pure functions: repeated
// evaluation, on any process, has the same result.
//
// It may import only internal/state, internal/handlers, internal/jobs/define and
// internal/raster/cog.
package jobs
