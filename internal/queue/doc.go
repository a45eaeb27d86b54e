// Package queue is the seam between the engine and the transports that carry
// its messages: what a delivery is, how it is received and settled, and the
// loop that a plain process runs over it.
//
// A transport promises at-least-once delivery: a delivery that is neither
// completed nor renewed comes again when its lock ends. It promises no order
// and no absence of duplicates. queuetest.Exercise holds every transport to the
// same behaviour.
//
// Crash: a delivery in hand comes again when its lock ends. Duplicate, reorder:
// the transport may do both; the engine's rows decide what a delivery still
// means.
//
// It may import internal/state only.
package queue
