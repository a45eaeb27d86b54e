// Package notify notifies the callback URLs of jobs that have ended.
//
// It owns when a notification is sent, how often it is tried again, and when it
// is given up. The database records each end of a job in the transaction that
// ends it, so that none is lost. A receiver gets each at least once, each time
// with the same id. Package webhook decides what may be called and how. Notify
// may import internal/state, internal/webhook and telemetry/keys.
package notify
