// Package client calls the HTTP API. It has one error type per kind of failure,
// and the calls with which another program submits a job, waits for it, reads its
// result and cancels it. corectl uses the same calls.
//
// It owns only the connection and keeps no state between calls. Wait repeats
// reads. A write is sent once: a second submit finds the same job, and a second
// cancel or retry is rejected with a conflict. If the answer is lost, a read
// shows the result. An Answer keeps its body byte for byte, because corectl -o
// json prints the API's own body. The client follows no redirects, so that the
// key is only sent to the given URL.
//
// It may import internal/jobs/define, internal/state and internal/view.
package client
