// Package handlers owns what runs one task: the typed names of task types, the
// functions behind them, and the map All of those that exist. A handler knows
// no queue and no database; all that it may use comes in its Task.
//
// A handler may be called more than once for the same task: after a crash,
// after a lost lease, or because the first call failed. Only one of the calls
// is recorded as completed. Whoever has effects elsewhere uses Task.Key, which
// is the same for every attempt. Handler.Run keeps a panic, a result that is
// not JSON and one that is too large from going further than its own attempt.
//
// It may import only internal/state.
package handlers
