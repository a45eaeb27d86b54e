package sbfake

import (
	"slices"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
)

// maxWindow is how many transfers each side may send without asking.
const maxWindow = 1 << 30

// session is an AMQP session. The broker's lock guards it.
type session struct {
	conn     *conn
	channel  uint16
	links    map[uint32]*link
	nextOut  uint32              // ID of the next outgoing transfer
	limit    uint32              // first transfer ID that the client does not accept yet
	unsettle map[uint32]delivery // deliveries that the client has not settled
}

type delivery struct {
	link *link
	item *item
	lock [16]byte // differs from the item's if it was delivered again
}

// link is an AMQP link. It receives transfers from a client's sender, or sends
// transfers to a client's receiver.
type link struct {
	conn    *conn
	session *session
	name    string
	handle  uint32
	address string
	reply   string // for a receiver, the address of its replies
	sends   bool   // the broker sends on it
	settled bool   // the broker sends settled messages
	count   uint32 // number of deliveries
	credit  uint32
	entity  *entity
	control bool // a link to $cbs or $management
	// partial is the part of a delivery whose frames have not all arrived, and
	// its first frame.
	partial    []byte
	id         uint32
	format     uint32
	presettled bool
	waiting    []*amqp.Message // replies that wait for credit
}

func newSession(k *conn, f frame) *session {
	s := &session{conn: k, channel: f.channel, links: map[uint32]*link{}, unsettle: map[uint32]delivery{}}
	s.limit = field[uint32](f.fields, 2)

	return s
}

func (s *session) window() int { return int(int32(s.limit - s.nextOut)) }

func (s *session) send(code uint64, payload []byte, fields ...any) {
	s.conn.send(s.channel, code, payload, fields...)
}

func (s *session) leave() {
	for _, l := range s.links {
		l.leave()
	}
}

func (l *link) leave() {
	if l.entity != nil {
		l.entity.links = slices.DeleteFunc(l.entity.links, func(o *link) bool { return o == l })
	}
}

// attach handles the attach of a link. It echoes the client's options, and
// rejects an address that does not exist.
func (s *session) attach(f []any) {
	source, _ := field[described](f, 5).value.([]any)
	target, _ := field[described](f, 6).value.([]any)
	l := &link{
		conn:    s.conn,
		session: s,
		name:    field[string](f, 0),
		handle:  field[uint32](f, 1),
		sends:   field[bool](f, 2),
	}
	l.settled = field[uint8](f, 3) == 1

	l.address, l.reply = field[string](target, 0), field[string](target, 0)
	if l.sends {
		l.address = field[string](source, 0)
	}

	l.address = strings.TrimPrefix(l.address, "/")
	e, management := s.conn.b.find(l.address)

	l.control = management || l.address == "$cbs"
	if l.control && l.address != "$cbs" && e == nil || !l.control && e == nil {
		s.send(codeAttach, nil, l.name, l.handle, !l.sends, field[uint8](f, 3), field[uint8](f, 4), nil, nil)
		s.send(codeDetach, nil, l.handle, true, amqpError("amqp:not-found", notFoundText(l.address)))

		return
	}

	l.entity = e
	s.links[l.handle] = l

	answer := []any{
		l.name,
		l.handle,
		!l.sends,
		field[uint8](f, 3),
		field[uint8](f, 4),
		wire(at(f, 5)),
		wire(at(f, 6)),
		nil,
		nil,
	}
	if l.sends {
		answer = append(answer, uint32(0), uint64(s.conn.b.opts.MaxMessage))
	} else {
		answer = append(answer, nil, uint64(s.conn.b.opts.MaxMessage))
	}

	s.send(codeAttach, nil, answer...)

	if !l.sends {
		l.credit = creditStep
		s.grant(l)

		return
	}

	if !l.control {
		e.links = append(e.links, l)
	}
}

// notFoundText is the text of the service for an entity that does not exist.
// Clients recognize this text.
func notFoundText(address string) string {
	return "The messaging entity '" + address + "' could not be found."
}

func at(f []any, i int) any {
	if i < len(f) {
		return f[i]
	}

	return nil
}

// wire removes values that encode does not support. Only the address of a
// source or target is echoed.
func wire(v any) any {
	d, ok := v.(described)
	if !ok {
		return nil
	}

	list, _ := d.value.([]any)

	return described{d.code, []any{field[string](list, 0)}}
}

const creditStep = 1000

// grant sends the client the credit of a link.
func (s *session) grant(l *link) {
	s.send(
		codeFlow,
		nil,
		uint32(0),
		uint32(maxWindow),
		s.nextOut,
		uint32(maxWindow),
		l.handle,
		l.count,
		l.credit,
	)
}

// flow handles the window of the client and, for a link, the credit that it
// grants.
func (s *session) flow(f []any) {
	s.limit = field[uint32](f, 0) + field[uint32](f, 1)

	l := s.links[field[uint32](f, 4)]
	if len(f) > 4 && f[4] != nil && l != nil && l.sends {
		l.credit = field[uint32](f, 5) + field[uint32](f, 6) - l.count
		if field[bool](f, 8) { // drain: unused credit ends
			l.drain()
		}
	}

	s.pump()
}

func (l *link) drain() {
	if l.entity != nil && !l.control {
		l.entity.pump()
	}

	l.count += l.credit
	l.credit = 0
	l.session.send(
		codeFlow,
		nil,
		uint32(0),
		uint32(maxWindow),
		l.session.nextOut,
		uint32(maxWindow),
		l.handle,
		l.count,
		uint32(0),
		nil,
		true,
	)
}

// pump sends messages that waited for window or credit.
func (s *session) pump() {
	for _, l := range s.links {
		for l.control && l.sends && l.credit > 0 && len(l.waiting) > 0 {
			m := l.waiting[0]
			l.waiting = l.waiting[1:]
			l.sendMessage(m, nil, true)
		}

		if !l.control && l.sends && l.entity != nil {
			l.entity.pump()
		}
	}
}

// send delivers a stored message.
func (l *link) send(it *item, settled bool) {
	raw, err := l.entity.wire(it)
	if err != nil {
		return // impossible, because it was decoded from a client's encoding
	}

	id := l.transfer(raw, it.lock[:], settled)
	if !settled {
		l.session.unsettle[id] = delivery{l, it, it.lock}
	}
}

func (l *link) sendMessage(m *amqp.Message, tag []byte, settled bool) {
	raw, err := m.MarshalBinary()
	if err != nil {
		return
	}

	if tag == nil {
		tag = []byte(time.Now().Format(time.RFC3339Nano))[:16]
	}

	l.transfer(raw, tag, settled)
}

// transfer sends a message in as many frames as necessary.
func (l *link) transfer(raw, tag []byte, settled bool) (id uint32) {
	const maxPayload = maxFrame - 512

	s := l.session
	id = s.nextOut

	for first := true; first || len(raw) > 0; first = false {
		part := raw[:min(len(raw), maxPayload)]
		raw = raw[len(part):]
		s.send(codeTransfer, part, l.handle, id, tag, uint32(0), settled, len(raw) > 0)
		s.nextOut++
	}

	l.count++
	l.credit--

	return id
}

func (s *session) detach(f []any) {
	handle := field[uint32](f, 0)
	if l := s.links[handle]; l != nil {
		l.leave()
		delete(s.links, handle)
		s.send(codeDetach, nil, handle, true)
	}
}
