// Package queue defines the interface between the engine and the transports
// that carry its messages: what a delivery is, how it is received and settled,
// and the loop that a plain process runs to handle deliveries.
//
// A transport promises at-least-once delivery: a delivery that is neither
// completed nor renewed is delivered again when its lock expires. The order is
// not guaranteed, and duplicates are possible. queuetest.Exercise tests that
// all transports behave alike.
//
// Crash: a claimed delivery is delivered again when its lock expires.
// Duplicate, reorder: the transport can do both; the rows of the engine decide
// whether a delivery still has an effect.
//
// It may import internal/state only.
package queue
