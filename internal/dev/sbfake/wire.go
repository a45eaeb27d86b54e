package sbfake

import (
	"maps"
	"time"

	"github.com/Azure/go-amqp"
)

// States of a message in deliveries and peeks.
const (
	stateActive    int32 = 0
	stateDeferred  int32 = 1
	stateScheduled int32 = 2
)

// wire returns the encoded message, with the annotations of the service.
func (e *entity) wire(it *item) ([]byte, error) {
	m := *it.message
	m.Header = nil // written below

	properties := amqp.MessageProperties{}
	if m.Properties != nil {
		properties = *m.Properties
	}

	if properties.MessageID == nil {
		properties.MessageID = it.given
	}

	if !it.expires.IsZero() {
		properties.CreationTime, properties.AbsoluteExpiryTime = &it.enqueued, &it.expires
	}

	m.Properties = &properties

	a := amqp.Annotations{}
	maps.Copy(a, it.message.Annotations)
	a["x-opt-sequence-number"] = it.sequence
	a["x-opt-enqueued-time"] = it.enqueued

	a["x-opt-message-state"] = e.state(it)
	if e.locked[it.lock] == it {
		a["x-opt-locked-until"] = it.until
		if it.isDeferred { // it has no delivery tag
			m.DeliveryAnnotations = amqp.Annotations{"x-opt-lock-token": swapGUIDBytes(it.lock)}
		}
	}

	if e.dead == nil {
		a["x-opt-deadletter-source"] = e.name[:len(e.name)-len(deadSuffix)]
	}

	m.Annotations = a

	raw, err := m.MarshalBinary()

	return append(header(it), raw...), err
}

// header returns the header section. go-amqp would omit a delivery count of 0,
// which the service writes.
func header(it *item) []byte {
	var ttl any
	if h := it.message.Header; h != nil && h.TTL > 0 {
		ttl = uint32(h.TTL.Milliseconds())
	}

	return encode(nil, described{codeHeader, []any{true, nil, ttl, nil, it.count}})
}

func (e *entity) state(it *item) int32 {
	switch {
	case it.isDeferred:
		return stateDeferred
	case e.locked[it.lock] != it && it.until.After(time.Now()):
		return stateScheduled
	}

	return stateActive
}

// swapGUIDBytes converts the bytes of a lock token between a delivery tag and a
// UUID. The first three groups of a GUID have the reverse byte order.
func swapGUIDBytes(u [16]byte) amqp.UUID {
	return amqp.UUID{
		u[3],
		u[2],
		u[1],
		u[0],
		u[5],
		u[4],
		u[7],
		u[6],
		u[8],
		u[9],
		u[10],
		u[11],
		u[12],
		u[13],
		u[14],
		u[15],
	}
}
