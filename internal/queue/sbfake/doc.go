// Package sbfake stands in for Service Bus in tests and in demos without Azure: queues with peek-lock, dead letters, duplicate
// detection and scheduled messages, spoken to in real AMQP 1.0 by the real client, over a TCP port or one end of net.Pipe.
//
// It owns its queues in memory, so a crash loses them, as it may: what it stands in for is the transport, and the record of
// work is in Postgres. It duplicates, reorders, refuses and drops on demand (Faults), and logs what was sent.
//
// It may import nothing from internal/.
package sbfake
