package sbfake

import (
	"fmt"

	"github.com/Azure/go-amqp"
)

// batchFormat is the message format of a transfer whose data sections are
// separate messages.
const batchFormat = 0x80013700

// transfer receives a message, or a part of one, from a client's sender.
func (s *session) transfer(f frame, faults Faults) error {
	l := s.links[field[uint32](f.fields, 0)]
	if l == nil {
		return nil // the link was detached
	}

	// Later frames of a delivery do not repeat its properties.
	if l.partial == nil {
		l.id = field[uint32](f.fields, 1)
		l.format = field[uint32](f.fields, 3)
		l.presettled = field[bool](f.fields, 4)
	}

	l.partial = append(l.partial, f.payload...)
	if field[bool](f.fields, 5) {
		return nil
	}

	raw := l.partial
	l.partial = nil

	l.count++
	if l.credit--; l.credit < creditStep/2 {
		l.credit = creditStep
		s.grant(l)
	}

	id, settled := l.id, l.presettled
	if l.control {
		s.settle(id, settled, described{codeAccepted, []any{}})

		var m amqp.Message
		if err := m.UnmarshalBinary(raw); err != nil {
			return err
		}

		l.request(&m, faults)

		return nil
	}

	return s.store(l, id, settled, l.format, raw, faults)
}

func (s *session) settle(id uint32, settled bool, outcome described) {
	if !settled {
		s.send(codeDisposition, nil, true, id, id, true, outcome)
	}
}

func (s *session) reject(id uint32, settled bool, condition, text string) {
	s.settle(id, settled, described{codeRejected, []any{amqpError(condition, text)}})
}

func (s *session) store(l *link, id uint32, settled bool, format uint32, raw []byte, faults Faults) error {
	fault := SendOK
	if faults.Send != nil {
		fault = faults.Send(l.entity.name)
	}

	switch fault {
	case SendBusy:
		s.reject(
			id,
			settled,
			"com.microsoft:server-busy",
			"The request was terminated because the entity is being throttled. Error code: 50009. "+
				"Please wait 2 seconds and try again.",
		)

		return nil
	case SendQuota:
		s.reject(
			id,
			settled,
			"amqp:resource-limit-exceeded",
			"The maximum entity size has been reached or exceeded.",
		)

		return nil
	case SendDetach:
		l.leave()
		delete(s.links, l.handle)
		s.send(
			codeDetach,
			nil,
			l.handle,
			true,
			amqpError("amqp:link:detach-forced", "The link was detached by force."),
		)

		return nil
	case SendLoseBatch:
		return errDrop
	case SendOK, SendLoseAck:
	}

	if len(raw) > s.conn.b.opts.MaxMessage {
		s.reject(
			id,
			settled,
			"amqp:link:message-size-exceeded",
			fmt.Sprintf(
				"The received message (size %d) exceeds the limit (%d).",
				len(raw),
				s.conn.b.opts.MaxMessage,
			),
		)

		return nil
	}

	messages, err := split(format, raw)
	if err != nil {
		return err
	}

	for _, m := range messages {
		if faults.Refuse != nil && faults.Refuse(l.entity.name, messageID(m)) {
			s.reject(id, settled, "com.microsoft:argument-error", "The message is not valid.")
			return nil
		}
	}

	for _, m := range messages {
		l.entity.enqueue(m)
	}

	if fault == SendLoseAck {
		return errDrop
	}

	s.settle(id, settled, described{codeAccepted, []any{}})
	l.entity.pump()

	return nil
}

// messageID returns the ID that the sender assigned to a message, or "".
func messageID(m *amqp.Message) string {
	if m.Properties == nil {
		return ""
	}

	id, _ := m.Properties.MessageID.(string) // Service Bus clients only write text

	return id
}

func split(format uint32, raw []byte) ([]*amqp.Message, error) {
	var envelope amqp.Message
	if err := envelope.UnmarshalBinary(raw); err != nil {
		return nil, err
	}

	if format != batchFormat {
		return []*amqp.Message{&envelope}, nil
	}

	messages := make([]*amqp.Message, len(envelope.Data))
	for i, part := range envelope.Data {
		messages[i] = &amqp.Message{}
		if err := messages[i].UnmarshalBinary(part); err != nil {
			return nil, err
		}
	}

	return messages, nil
}

// disposition settles deliveries to a client's receiver.
func (s *session) disposition(f []any, faults Faults) error {
	if !field[bool](f, 0) { // for the sending end, which needs no settlement
		return nil
	}

	first := field[uint32](f, 1)

	last := first
	if len(f) > 2 && f[2] != nil {
		last = field[uint32](f, 2)
	}

	outcome := field[described](f, 4)
	settled := field[bool](f, 3)

	for id := first; ; id++ {
		if d, ok := s.unsettle[id]; ok {
			delete(s.unsettle, id)

			if err := s.settleDelivery(d, id, settled, outcome, faults); err != nil {
				return err
			}
		}

		if id == last {
			return nil
		}
	}
}

func (s *session) settleDelivery(
	d delivery,
	id uint32,
	settled bool,
	outcome described,
	faults Faults,
) error {
	e := d.link.entity

	fault := SettleOK
	if faults.Settle != nil {
		fault = faults.Settle(e.name)
	}

	answer := described{outcome.code, []any{}}

	switch {
	case e.locked[d.lock] != d.item || d.item.lock != d.lock:
		answer = described{
			codeRejected,
			[]any{amqpError("com.microsoft:message-lock-lost", "The lock supplied is invalid.")},
		}
	case fault == SettleLoseLock:
		e.unlock(d.item, true)

		answer = described{
			codeRejected,
			[]any{amqpError("com.microsoft:message-lock-lost", "The lock supplied is invalid.")},
		}
	default:
		list, _ := outcome.value.([]any)
		e.settle(d.item, outcome.code, list)
	}

	if fault == SettleLoseAck {
		return errDrop
	}

	if !settled {
		s.send(codeDisposition, nil, false, id, id, true, answer)
	}

	e.pump()

	return nil
}

// settle applies an outcome to a locked message.
func (e *entity) settle(it *item, code uint64, list []any) {
	switch code {
	case codeAccepted:
		e.done(it)
	case codeReleased:
		e.unlock(it, false)
	case codeModified:
		it.modify(texts(field[pairs](list, 2)))

		if field[bool](list, 1) { // undeliverable-here
			e.deferItem(it)
			return
		}

		e.unlock(it, true)
	case codeRejected:
		fields, _ := field[described](list, 0).value.([]any)
		info := texts(field[pairs](fields, 2))
		reason, _ := info[deadReason].(string)
		text, _ := info[deadText].(string)
		it.modify(info)
		e.deadLetter(it, reason, text)
	}
}

// texts converts pairs with text or symbol keys to a map.
func texts(p pairs) map[string]any {
	out := map[string]any{}

	for i := 0; i+1 < len(p); i += 2 {
		value := p[i+1]
		if s, ok := value.(symbol); ok {
			value = string(s)
		}

		out[fmt.Sprint(p[i])] = value
	}

	return out
}
