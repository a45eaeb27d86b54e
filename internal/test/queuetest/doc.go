// Package queuetest checks that every transport behaves the same: the contracts
// of queue.Receiver, queue.Sender and queue.DeadLetters.
//
// Exercise asserts only what the engine relies on. It does not assert an order,
// and it allows a repeated delivery only if a lock expired, a message was
// abandoned, or a transport lost a response. It waits for events and never for
// a duration that a busy machine could exceed.
//
// For crashes, duplicates and reordering, the tests simulate a crashed receiver
// by letting its lock expire.
//
// It may import queue and state, and only tests may import it.
package queuetest
