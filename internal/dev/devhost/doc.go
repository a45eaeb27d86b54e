// Package devhost is a local implementation of the Azure Functions host, for
// development, demonstrations and tests. It reads the same host.json,
// local.settings.json and function.json files, starts the same executable and
// communicates with it by the same HTTP requests. It also reproduces the
// defects of the real host, so that a handler that works here works in Azure. It
// rejects functions with outputs other than the HTTP response, and HTTP functions
// without proxying or forwarding, because the app has none.
//
//	client --HTTP--> edge (keys, 230 s, 100 MiB) -> route -> proxy | forward -+
//	queue.Receiver --> pump (16 x cores, lock renewal) -> envelope -----------+-> POST -> handler
//	schedule --------> timer (one call at a time) ------> envelope -----------+     ^
//	                                       worker: start, probe, restart, SIGKILL --+
//
// It owns one child process at a time, its port, and the settlement of received
// messages. A response of 2xx with a JSON object completes a message. Any other
// response abandons it immediately. An empty response hangs until the function
// timeout, which kills the child with every call in flight. The child only ends
// by SIGKILL.
//
// Crash of the child: calls in flight fail, their messages are abandoned, and
// the child restarts immediately. Three faults stop the host, and the platform
// (option Platform) restarts it. Crash of this process: locks expire, messages
// are delivered again, and on Linux the kernel kills the child. Duplicates and
// reordering come from the queue, and can be injected (Faults).
//
// It may import only cron, funchost, queue, state and telemetry/keys.
package devhost
