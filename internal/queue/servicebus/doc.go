// Package servicebus is the transport over Azure Service Bus: one client per
// process, a sender a queue that batches, a receiver for processes without the
// Functions host, and the dead letters.
//
// Nothing here is a record of work: the rows in Postgres are. A send that fails
// or whose answer is lost is repeated under the same message id, which
// duplicate detection drops; a delivery that is not settled comes again when
// its lock ends.
//
// Crash: what was received and not settled comes again. Duplicate: possible
// both ways, see above. Reorder: no order is promised. No transaction and no
// row lock is held over a send.
//
// It may import internal/queue and internal/state.
package servicebus
