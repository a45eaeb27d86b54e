package sbfake

import (
	"container/heap"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
)

// answer is what becomes of a request. A zero condition is that of the code.
type answer struct {
	code      int32
	condition string
	text      string
	value     map[string]any
}

// Answers that several requests have in common.
var (
	answerOK       = answer{code: 200, text: "OK"}
	answerLockLost = answer{
		code:      410,
		condition: "com.microsoft:message-lock-lost",
		text:      "The lock supplied is invalid.",
	}
	answerNoMore   = answer{code: 204, text: "No Content"}
	answerNotKnown = answer{
		code:      404,
		condition: "com.microsoft:message-not-found",
		text:      "The message could not be found.",
	}
	answerUnlike = answer{code: 501, condition: "amqp:not-implemented", text: "Not Implemented"}
)

// request answers a request on $cbs or $management.
func (l *link) request(m *amqp.Message, faults Faults) {
	if m.Properties == nil || m.Properties.ReplyTo == nil {
		return // it asks for no answer
	}

	operation, _ := m.ApplicationProperties["operation"].(string)
	body, _ := m.Value.(map[string]any)

	var a answer

	switch {
	case l.address == "$cbs":
		audience, _ := m.ApplicationProperties["name"].(string)
		a = l.conn.token(audience, faults)
	case operation == "com.microsoft:renew-lock":
		a = l.entity.renew(body)
	case operation == "com.microsoft:update-disposition":
		a = l.entity.update(body)
	case operation == "com.microsoft:peek-message":
		a = l.entity.peek(body)
	case operation == "com.microsoft:receive-by-sequence-number":
		a = l.entity.receiveDeferred(body)
	case operation == "com.microsoft:schedule-message":
		a = l.entity.schedule(body)
	case operation == "com.microsoft:cancel-scheduled-message":
		a = l.entity.unschedule(body)
	default:
		a = answerUnlike
	}

	reply := &amqp.Message{
		Properties: &amqp.MessageProperties{CorrelationID: m.Properties.MessageID},
		ApplicationProperties: map[string]any{
			"status-code":        a.code,
			"status-description": a.text,
			"statusCode":         a.code,
			"statusDescription":  a.text,
		},
		Value: a.value,
	}
	if a.condition != "" {
		reply.ApplicationProperties["errorCondition"] = a.condition
	}

	l.respond(*m.Properties.ReplyTo, reply)
}

// respond sends a reply on the session's receiver from the same node. Clients
// name it by its target, as the Go client does, or by the link's own name, as
// the JavaScript client does at $cbs.
func (l *link) respond(to string, reply *amqp.Message) {
	for _, out := range l.session.links {
		if out.sends && out.control && out.address == l.address && (out.reply == to || out.name == to) {
			out.waiting = append(out.waiting, reply)

			l.session.pump()

			return
		}
	}
}

// token answers a put-token: 404 for an entity that does not exist, as the
// service does.
func (k *conn) token(audience string, faults Faults) answer {
	refused := answer{code: 401, condition: "amqp:unauthorized-access", text: "Unauthorized"}
	if faults.Token != nil && faults.Token(audience) {
		return refused
	}

	_, rest, ok := strings.Cut(audience, "://")
	if !ok {
		return refused
	}

	_, path, _ := strings.Cut(rest, "/")
	if e, _ := k.b.find(path); e == nil {
		return answer{code: 404, condition: "amqp:not-found", text: missing(audience)}
	}

	return answer{code: 202, text: "Accepted"}
}

func tokens(body map[string]any) [][16]byte {
	var out [][16]byte

	list, _ := body["lock-tokens"].([]amqp.UUID)
	for _, u := range list {
		out = append(out, swap(u))
	}

	return out
}

func (e *entity) renew(body map[string]any) answer {
	var until []time.Time

	for _, t := range tokens(body) {
		it := e.locked[t]
		if it == nil {
			return answerLockLost
		}

		it.until = time.Now().Add(e.b.opts.Lock)
		heap.Fix(&e.later, it.place)
		until = append(until, it.until)
	}

	e.pump()

	a := answerOK
	a.value = map[string]any{"expirations": until}

	return a
}

func (e *entity) update(body map[string]any) answer {
	status, _ := body["disposition-status"].(string)
	changed, _ := body["properties-to-modify"].(map[string]any)
	reason, _ := body["deadletter-reason"].(string)

	text, _ := body["deadletter-description"].(string)
	for _, t := range tokens(body) {
		it := e.locked[t]
		if it == nil {
			return answerLockLost
		}

		it.modify(changed)

		switch status {
		case "completed":
			e.done(it)
		case "abandoned":
			e.unlock(it, true)
		case "defered": // as the service spells it
			e.postpone(it)
		case "suspended":
			e.bury(it, reason, text)
		default:
			return answer{
				code:      400,
				condition: "com.microsoft:argument-error",
				text:      "unknown disposition " + status,
			}
		}
	}

	e.pump()

	return answerOK
}

// peek lists what is in the queue, locked, scheduled and deferred messages too,
// by sequence.
func (e *entity) peek(body map[string]any) answer {
	from, _ := body["from-sequence-number"].(int64)
	most, _ := body["message-count"].(int32)
	all := slices.Concat(e.ready, e.later, slices.Collect(maps.Values(e.deferred)))
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
		return answerNoMore
	}

	a := answerOK
	a.value = map[string]any{"messages": found}

	return a
}

// receiveDeferred delivers deferred messages by their sequence numbers, all or
// none.
func (e *entity) receiveDeferred(body map[string]any) answer {
	numbers, _ := body["sequence-numbers"].([]int64)
	mode, _ := body["receiver-settle-mode"].(uint32)

	for _, n := range numbers {
		if e.deferred[n] == nil {
			return answerNotKnown
		}
	}

	var found []any

	for _, n := range numbers {
		it := e.deferred[n]
		delete(e.deferred, n)

		if mode != 0 { // else: receive and delete
			e.hold(it, time.Now())
		}

		raw, err := e.wire(it)
		if err != nil {
			return answerUnlike // it was decoded from what a client encoded
		}

		found = append(found, map[string]any{"message": raw, "lock-token": swap(it.lock)})
	}

	e.pump()

	a := answerOK
	a.value = map[string]any{"messages": found}

	return a
}

func (e *entity) schedule(body map[string]any) answer {
	list, _ := body["messages"].([]any)

	var numbers []int64

	for _, v := range list {
		entry, _ := v.(map[string]any)
		raw, _ := entry["message"].([]byte)

		m := &amqp.Message{}
		if err := m.UnmarshalBinary(raw); err != nil {
			return answerUnlike
		}

		numbers = append(numbers, e.enqueue(m).sequence)
	}

	e.pump()

	a := answerOK
	a.value = map[string]any{"sequence-numbers": numbers}

	return a
}

func (e *entity) unschedule(body map[string]any) answer {
	numbers, _ := body["sequence-numbers"].([]int64)
	for _, n := range numbers {
		at := slices.IndexFunc(
			e.later,
			func(it *item) bool { return it.sequence == n && e.locked[it.lock] != it },
		)
		if at < 0 {
			return answerNotKnown
		}

		heap.Remove(&e.later, at)
	}

	return answerOK
}
