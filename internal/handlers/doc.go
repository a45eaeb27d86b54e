// Package handlers owns the code that runs one task: the typed names of task
// types, the functions behind them, and the map All of those that exist. A
// handler does not depend on a queue or a database. Everything that it may use
// is in its Task.
//
// A handler may be called more than once for the same task: after a crash,
// after a lost lease, or because the first call failed. Only one of the calls
// is recorded as completed. A handler that has effects elsewhere uses Task.Key,
// which is the same for every attempt, to make them idempotent. Handler.Run
// turns a panic, a result that is not JSON and a result that is too large into
// errors of that attempt.
//
// It may import only internal/state and internal/raster.
package handlers
