package sbfake

import (
	"container/heap"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
)

// answer is the response to a request. A zero condition means the default for
// the code.
type answer struct {
	code      int32
	condition string
	text      string
	value     map[string]any
}

// Responses that several requests share.
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

// request handles a request to $cbs or $management.
func (l *link) request(m *amqp.Message, faults Faults) {
	if m.Properties == nil || m.Properties.ReplyTo == nil {
		return // the client does not expect a response
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

// respond sends a reply to the session's receiver of the same node. Clients
// identify the receiver by its target, like the Go client, or by the name of
// the link, like the JavaScript client with $cbs.
func (l *link) respond(to string, reply *amqp.Message) {
	for _, out := range l.session.links {
		if out.sends && out.control && out.address == l.address && (out.reply == to || out.name == to) {
			out.waiting = append(out.waiting, reply)

			l.session.pump()

			return
		}
	}
}

// token handles a put-token request. For an entity that does not exist it
// returns 404, like the service.
func (k *conn) token(audience string, faults Faults) answer {
	unauthorized := answer{code: 401, condition: "amqp:unauthorized-access", text: "Unauthorized"}
	if faults.Token != nil && faults.Token(audience) {
		return unauthorized
	}

	_, rest, ok := strings.Cut(audience, "://")
	if !ok {
		return unauthorized
	}

	_, path, _ := strings.Cut(rest, "/")
	if e, _ := k.b.find(path); e == nil {
		return answer{code: 404, condition: "amqp:not-found", text: notFoundText(audience)}
	}

	return answer{code: 202, text: "Accepted"}
}

func tokens(body map[string]any) [][16]byte {
	var out [][16]byte

	list, _ := body["lock-tokens"].([]amqp.UUID)
	for _, u := range list {
		out = append(out, swapGUIDBytes(u))
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
		heap.Fix(&e.timed, it.place)
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
		case "defered": // the spelling of the service
			e.deferItem(it)
		case "suspended":
			e.deadLetter(it, reason, text)
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

// peek lists the messages of the queue by sequence, including locked, scheduled
// and deferred ones.
func (e *entity) peek(body map[string]any) answer {
	from, _ := body["from-sequence-number"].(int64)
	limit, _ := body["message-count"].(int32)
	all := slices.Concat(e.ready, e.timed, slices.Collect(maps.Values(e.deferred)))
	slices.SortFunc(all, bySequence)

	var found []any
	for _, it := range all {
		if it.sequence < from || len(found) == int(limit) {
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

// receiveDeferred delivers deferred messages by their sequence numbers. If one
// is not available, it delivers none.
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

		if mode != 0 { // otherwise receive-and-delete
			e.hold(it, time.Now())
		}

		raw, err := e.wire(it)
		if err != nil {
			return answerUnlike // impossible, because it was decoded from a client's encoding
		}

		found = append(found, map[string]any{"message": raw, "lock-token": swapGUIDBytes(it.lock)})
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
			e.timed,
			func(it *item) bool { return it.sequence == n && e.locked[it.lock] != it },
		)
		if at < 0 {
			return answerNotKnown
		}

		heap.Remove(&e.timed, at)
	}

	return answerOK
}
