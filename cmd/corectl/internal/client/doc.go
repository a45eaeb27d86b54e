// Package client calls the HTTP API. It has one method per route, one type per
// answer, and one error type per kind of failure.
//
// It owns only the connection and keeps no state between calls. The caller
// repeats reads if necessary. A write is sent once: a second submit finds the
// same job, and a second cancel or retry is rejected with a conflict. If the
// answer is lost, a read shows the result. Answers are kept byte for byte,
// because -o json prints the API's own body. The client follows no redirects,
// so that the key is only sent to the given URL.
//
// It may import internal/state and the standard library.
package client
