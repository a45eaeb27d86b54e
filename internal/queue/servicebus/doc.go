// Package servicebus is the transport over Azure Service Bus: one client for
// each process, a batching sender for each queue, a receiver for processes
// without the Functions host, and the dead letters.
//
// It keeps no record of work: the rows in Postgres do. A send that fails or
// whose answer is lost is repeated with the same message ID, and duplicate
// detection drops the copy. A delivery that is not settled is delivered again
// when its lock expires.
//
// Crash: received messages that were not settled are delivered again.
// Duplicate: sends and deliveries can be duplicated, see above. Reorder: the
// order is not guaranteed. No transaction or row lock is held during a send.
//
// It may import internal/queue and internal/state.
package servicebus
