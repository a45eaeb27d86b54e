// Package queuetest holds every transport to the same behaviour: what
// queue.Receiver, queue.Sender and queue.DeadLetters promise.
//
// Exercise asserts what the engine relies on and no more: no order, and a
// repeated delivery only where a lock ended, a message was given back, or a
// transport lost an answer. It waits for what must happen and never for a
// length of time that a busy machine could overrun.
//
// Crash, duplicate, reorder: the tests stand for a crashed receiver by letting
// its lock end.
//
// It may import queue and state, and only tests may import it.
package queuetest
