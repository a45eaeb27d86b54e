// Package sse writes server-sent events to one connection, as HTML's
// specification of EventSource has them.
//
// It owns the form of a stream: headers that keep proxies from holding it back,
// the wait before a client comes again, comments that keep an idle connection
// open, and a limit for each write, so that whoever reads no more is let go.
// What was not flushed when a process ends is lost: a client that comes again
// is told of everything anew by whoever writes.
//
// It may import nothing of ours.
package sse
