// Package httpserver holds what the HTTP servers of this program share: limits
// on what a client can cost, one writer of problem details (RFC 9457), and
// server-sent events.
//
// Limits bound how long a client takes to send a body or to read a response,
// and how many connections are open. Every error response has one form and a
// request ID. A stream sends headers that stop proxies from buffering, comments
// that keep an idle connection open, and gives each write a time limit, so a
// client that stops reading is disconnected. Data that was not flushed when a
// process ends is lost: a client that reconnects gets the current state from
// the writer.
//
// It keeps no state except the set of open connections. It may import state.
package httpserver
