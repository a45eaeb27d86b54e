// Package handlers holds what runs one task: one typed function a task type, and the literal map All of them.
//
// It owns the declaration of a handler (retries, time limit, queue), the strict decoding of inputs, the check that a result can
// be stored, and the view of a task that a handler gets. A handler knows no queue and no database.
//
// Crash, duplicate: a handler may be started again for the same task, in another process and even while a lost one still runs; only one
// attempt's result is kept. Task.Key is the same for every attempt: hand it on where an effect must happen once. Reorder:
// nothing is promised between tasks of a stage.
//
// It may import internal/state only.
package handlers
