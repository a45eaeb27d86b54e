// Package client speaks to the HTTP API: one method a route, one type an
// answer, one error type for each way of failing.
//
// It owns the connection and nothing else; it keeps no state between calls. A
// read is repeated by whoever called it. A write is sent once: submitting twice
// is the same job by the API's own rule, and cancel and retry of a job that is
// already there are refused with a conflict, so that a lost answer is found out
// by reading. Answers are kept byte for byte, because -o json hands on the
// API's own body. It follows no redirect: the key goes to the address that was
// given and to no other.
//
// It may import internal/state and the standard library.
package client
