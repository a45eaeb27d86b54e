// Package sbfake stands in for Service Bus in tests and in demos without Azure:
// queues with peek-lock, dead letters, duplicate detection, time to live,
// deferred and scheduled messages, spoken to in real AMQP 1.0 by real clients,
// over a TCP port or one end of net.Pipe. Tests drive it with Microsoft's Go
// and JavaScript clients, and frame by frame as the .NET client does.
//
// It owns its queues in memory, so a crash loses them, as it may: what it
// stands in for is the transport, and the record of work is in Postgres. It
// duplicates, reorders, refuses and drops on demand (Faults), and logs what was
// sent.
//
// It may import nothing from internal/.
package sbfake
