// Package sbfake is a fake Service Bus for tests and for demos without Azure.
// It has queues with peek-lock, dead letters, duplicate detection, time to
// live, and deferred and scheduled messages. Real clients connect with AMQP
// 1.0, over a TCP port or one end of net.Pipe. Tests use Microsoft's Go and
// JavaScript clients, and imitate the frames of the .NET client.
//
// It owns its queues in memory. A crash loses them, which is acceptable because
// the record of work is in Postgres and not in the transport. Hooks (Faults)
// make it duplicate, reorder, reject and drop messages. It logs all sent
// messages.
//
// It may import nothing from internal/.
package sbfake
