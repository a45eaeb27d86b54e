// Package share lets whoever asks for the same thing at the same time share one
// answer.
//
// It owns that a question is under way once at most, and that it outlives
// whoever asked first: others wait for it too. It keeps nothing: who asks when
// it is over asks anew, and a crash loses questions alone.
//
// It may import nothing of ours.
package share
