// Package devhost is a local stand-in of the Azure Functions host, for
// development, demonstrations and tests. It reads the same host.json,
// local.settings.json and function.json files, starts the same executable and
// speaks the same HTTP to it; what the real host does wrong, it does wrong too,
// so that a handler that lives here lives there.
//
//	client --HTTP--> edge (keys, 230 s, 100 MiB) --> route --> proxy | forward | envelope --+
//	queue.Receiver --> pump (16 x cores at once, lock renewal) --> envelope ----------------+--> POST 127.0.0.1:{port} --> handler
//	schedule --------> timer (never two at once) ----------------> envelope ----------------+          ^
//	                                                                     worker: start, probe, restart, SIGKILL
//
// It owns one child process at a time, its port, and the settling of what it
// received: 2xx with a JSON object completes a message, everything else
// abandons it at once. An empty answer hangs until the function timeout, which
// kills the child with every call in flight. The child is only ever ended by
// SIGKILL.
//
// Crash of the child: calls in flight fail, their messages are abandoned, the
// child starts again at once; three faults stop the host, which the platform
// (option Platform) starts again. Crash of this process: locks end, messages
// come again, and on Linux the child is killed with it. Duplicates and
// reordering can be asked for (Faults); otherwise they come from the queue.
//
// It may import only funchost, queue, state and telemetry/keys.
package devhost
