// Package npm installs a pinned set of packages with npm, for programs that
// tests, demos and CI run. A lock file contains all versions and digests, and
// install scripts do not run.
//
// It owns the directory that the caller names. Crash: an install is created
// next to its final path and renamed, so an incomplete one is never used.
// Duplicate: concurrent processes wait for each other. Reorder: nothing here
// depends on an order.
//
// It may import nothing from internal/.
package npm
