// Package problem writes refusals: problem details (RFC 9457) in the one form
// that every HTTP answer of this program has.
//
// It keeps no state. It may import state.
package problem
