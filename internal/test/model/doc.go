// Package model tests the engine against a small reference of itself: random
// jobs are driven through the real engine on a real Postgres by random steps,
// one at a time, and after each step the books must balance and every job must
// be where the reference allows.
//
// The steps are submits, reruns, retries, cancels and deletes; messages set
// aside and redriven; deliveries in any order, twice, late, and into handlers
// that hang; processes that die at any statement, before or after its COMMIT,
// that lose their lease and go on, or that stop in good order; sweeps. There
// are no receivers in the background: the test is the transport. Processes
// dispatch locally or not, and have room for one handler or several. A sequence
// ends by delivering all that there is without faults, after which every job
// must have ended, within as many deliveries as its tasks call for, and as the
// reference says, task by task and value by value.
//
// It holds tests only, and so may import everything.
package model
