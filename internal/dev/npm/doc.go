// Package npm installs a pinned set of packages with npm, for programs that
// tests, demos and CI run: versions and digests of everything stand in a lock
// file, and no install script runs.
//
// It owns the folder that the caller names. Crash: an install is made next to
// its place and renamed into it, so that a half one is never used. Duplicate:
// processes that install at the same time take turns. Reorder: nothing here
// has an order.
//
// It may import nothing from internal/.
package npm
