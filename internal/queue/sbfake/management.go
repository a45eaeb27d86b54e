package sbfake

import (
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
)

// request answers a request on $cbs or $management, on the link whose address the request asks to be answered at.
func (l *link) request(m *amqp.Message, faults Faults) {
	if m.Properties == nil {
		return // it asks for no answer
	}
	operation, _ := m.ApplicationProperties["operation"].(string)
	body, _ := m.Value.(map[string]any)
	var code int32
	value := map[string]any{}
	switch {
	case l.address == "$cbs":
		audience, _ := m.ApplicationProperties["name"].(string)
		code = l.conn.token(audience, faults)
	case operation == "com.microsoft:renew-lock":
		code, value = l.entity.renew(body)
	case operation == "com.microsoft:update-disposition":
		code = l.entity.update(body)
	case operation == "com.microsoft:peek-message":
		code, value = l.entity.peek(body)
	case operation == "com.microsoft:schedule-message":
		code, value = l.entity.schedule(body)
	case operation == "com.microsoft:cancel-scheduled-message":
		code = l.entity.unschedule(body)
	default:
		code = 501
	}
	text := map[int32]string{200: "OK", 202: "Accepted", 204: "No Content", 401: "Unauthorized", 404: "Not Found", 410: "The lock supplied is invalid.", 501: "Not Implemented"}[code]
	reply := &amqp.Message{
		Properties: &amqp.MessageProperties{CorrelationID: m.Properties.MessageID},
		ApplicationProperties: map[string]any{
			"status-code": code, "status-description": text, "statusCode": code, "statusDescription": text,
		},
		Value: value,
	}
	if condition := map[int32]string{410: "com.microsoft:message-lock-lost", 404: "amqp:not-found", 401: "amqp:unauthorized-access"}[code]; condition != "" {
		reply.ApplicationProperties["errorCondition"] = condition
	}
	l.respond(m.Properties.ReplyTo, reply)
}

func (l *link) respond(to *string, reply *amqp.Message) {
	if to == nil {
		return
	}
	for _, s := range l.conn.sessions {
		for _, out := range s.links {
			if out.sends && out.control && out.reply == *to {
				out.waiting = append(out.waiting, reply)
				s.pump()
				return
			}
		}
	}
}

// token answers a put-token: 404 for an entity that does not exist, as the service does.
func (k *conn) token(audience string, faults Faults) int32 {
	if faults.Token != nil && faults.Token(audience) {
		return 401
	}
	_, rest, ok := strings.Cut(audience, "://")
	if !ok {
		return 401
	}
	_, path, _ := strings.Cut(rest, "/")
	if e, _ := k.b.find(path); e == nil {
		return 404
	}
	return 202
}

func tokens(body map[string]any) [][16]byte {
	var out [][16]byte
	list, _ := body["lock-tokens"].([]amqp.UUID)
	for _, u := range list {
		// A lock token travels as a GUID: its first three groups have the bytes of a delivery tag in reverse.
		out = append(out, [16]byte{u[3], u[2], u[1], u[0], u[5], u[4], u[7], u[6], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]})
	}
	return out
}

func (e *entity) renew(body map[string]any) (int32, map[string]any) {
	var until []time.Time
	for _, t := range tokens(body) {
		it := e.locked[t]
		if it == nil {
			return 410, nil
		}
		it.until = time.Now().Add(e.b.opts.Lock)
		heap.Fix(&e.later, it.place)
		until = append(until, it.until)
	}
	e.pump()
	return 200, map[string]any{"expirations": until}
}

func (e *entity) update(body map[string]any) int32 {
	status, _ := body["disposition-status"].(string)
	reason, _ := body["deadletter-reason"].(string)
	text, _ := body["deadletter-description"].(string)
	for _, t := range tokens(body) {
		it := e.locked[t]
		if it == nil {
			return 410
		}
		switch status {
		case "completed":
			e.done(it)
		case "abandoned":
			e.unlock(it, true)
		default:
			e.bury(it, reason, text)
		}
	}
	e.pump()
	return 200
}

// peek lists what is in the queue, locked and scheduled messages too, by sequence.
func (e *entity) peek(body map[string]any) (int32, map[string]any) {
	from, _ := body["from-sequence-number"].(int64)
	most, _ := body["message-count"].(int32)
	all := slices.Concat(e.ready, e.later)
	slices.SortFunc(all, bySequence)
	var found []any
	for _, it := range all {
		if it.sequence < from || len(found) == int(most) {
			continue
		}
		raw, err := e.wire(it)
		if err != nil {
			continue
		}
		found = append(found, map[string]any{"message": raw})
	}
	if len(found) == 0 {
		return 204, nil
	}
	return 200, map[string]any{"messages": found}
}

func (e *entity) schedule(body map[string]any) (int32, map[string]any) {
	list, _ := body["messages"].([]any)
	var numbers []int64
	for _, v := range list {
		entry, _ := v.(map[string]any)
		raw, _ := entry["message"].([]byte)
		m := &amqp.Message{}
		if err := m.UnmarshalBinary(raw); err != nil {
			return 501, nil
		}
		numbers = append(numbers, e.enqueue(m).sequence)
	}
	e.pump()
	return 200, map[string]any{"sequence-numbers": numbers}
}

func (e *entity) unschedule(body map[string]any) int32 {
	numbers, _ := body["sequence-numbers"].([]int64)
	for _, n := range numbers {
		at := slices.IndexFunc(e.later, func(it *item) bool { return it.sequence == n && e.locked[it.lock] != it })
		if at < 0 {
			return 404
		}
		heap.Remove(&e.later, at)
	}
	return 200
}
