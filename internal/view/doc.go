// Package view holds what people and programs read: one JSON shape for the API,
// corectl and the dashboard, the filters and cursors of lists, and the links to
// the runbook.
//
// Times are UTC, and a nil time has not come yet. Each view is read in one
// snapshot. The package holds no state, so a crash, a duplicate or a reordering
// does not affect it.
//
// It may import cron and state.
package view
