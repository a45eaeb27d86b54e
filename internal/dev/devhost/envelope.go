package devhost

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"coremachine/internal/queue"
)

// lifetime is the time to live of a message in its queue.
const lifetime = 14 * 24 * time.Hour

// defaultNamespace is the namespace in Client for a queue that is not on
// Service Bus.
const defaultNamespace = "localhost"

// actionNames are members of the metadata that represent objects of the host.
var actionNames = []string{
	"MessageReceiver", "MessageSession", "MessageActions", "SessionActions", "ReceiveActions",
}

// busMessage is a message with its Service Bus properties. A property that is
// nil is omitted from the metadata. An empty one is not.
type busMessage struct {
	body             []byte
	deliveries       int
	deadLetterSource *string
	lockToken        *string
	expires          time.Time
	enqueued         time.Time
	messageID        *string
	contentType      *string
	sequence         int64
	to               *string
	subject          *string
	correlationID    *string
	replyTo          *string
	sessionID        *string
	replyToSessionID *string
	partitionKey     *string
	transactionKey   *string // partition key of the entity that it was sent through
	properties       string  // a JSON object; defaults to {}
	manual           bool    // from POST /admin/functions, without a receiver that can settle it
}

// stamp contains the values that the host adds to an invocation.
type stamp struct {
	function  string
	at        time.Time
	random    string // a GUID
	namespace string
	client    string // identifier of the client
}

func fromDelivery(d queue.Delivery) busMessage {
	token, kind := newID(), "application/json"

	return busMessage{
		body:          d.Body,
		deliveries:    d.Deliveries,
		lockToken:     &token,
		expires:       d.EnqueuedAt.Add(lifetime),
		enqueued:      d.EnqueuedAt,
		messageID:     &d.MessageID,
		contentType:   &kind,
		sequence:      d.Message.MessageID,
		correlationID: optional(d.CorrelationID),
	}
}

// optional returns nil for an empty text, because some transports write absent
// values as empty.
func optional(s string) *string {
	if s == "" {
		return nil
	}

	return &s
}

// metadata appends the members of the Metadata object. Injected properties
// replace the host's own.
type metadata struct {
	to       []byte
	injected map[string]property // by lower-case name
}

type property struct {
	name  string
	value []byte
}

// key begins a member, unless an injected property replaces it.
func (m *metadata) key(name string) bool {
	if m.to[len(m.to)-1] != '{' {
		m.to = append(m.to, ',')
	}

	m.to = append(m.to, '"')
	m.to = append(m.to, name...)

	m.to = append(m.to, '"', ':')
	if len(m.injected) == 0 {
		return true
	}

	lower := strings.ToLower(name)
	if p, ok := m.injected[lower]; ok {
		m.to = append(m.to, p.value...)
		delete(m.injected, lower)

		return false
	}

	return true
}

func (m *metadata) raw(name, value string) {
	if m.key(name) {
		m.to = append(m.to, value...)
	}
}

func (m *metadata) text(name string, value *string) {
	if value != nil && m.key(name) {
		m.to = appendTwice(m.to, *value)
	}
}

func (m *metadata) time(name string, t time.Time, zone string) {
	if m.key(name) {
		m.to = appendTime(m.to, t, secondsLayout, zone)
	}
}

// writeOne writes the envelope of one message. If binary is true, the body is
// base64 and exact. Otherwise it is text, encoded twice, and if that text is a
// JSON object, its properties are also added to the metadata, under any name.
func writeOne(buffer *bytes.Buffer, binding string, binary bool, msg *busMessage, by stamp) {
	to := append(buffer.AvailableBuffer(), `{"Data":{`...)
	to = appendString(to, binding)
	to = append(to, ':')
	m := metadata{}

	if binary {
		to = append(to, '"')
		to = base64.StdEncoding.AppendEncode(to, msg.body)
		to = append(to, '"')
	} else {
		text := lossyText(msg.body)
		to = appendTwice(to, text)
		m.injected = injected(text)
	}

	m.to = append(to, `},"Metadata":{`...)

	if !msg.manual {
		for _, name := range actionNames {
			m.raw(name, "{}")
		}

		m.client(by)
	}

	m.message(msg)

	for _, p := range remaining(m.injected) {
		if m.key(p.name) { // always true, because no replacement is left
			m.to = append(m.to, p.value...)
		}
	}

	m.sys(by)
	buffer.Write(append(m.to, '}', '}'))
}

func (m *metadata) message(msg *busMessage) {
	if m.key("DeliveryCount") {
		m.to = appendNumber(m.to, int64(msg.deliveries))
	}

	m.text("DeadLetterSource", msg.deadLetterSource)
	m.text("LockToken", msg.lockToken)
	m.time("ExpiresAtUtc", msg.expires, "")
	m.time("ExpiresAt", msg.expires, "+00:00")
	m.time("EnqueuedTimeUtc", msg.enqueued, "")
	m.time("EnqueuedTime", msg.enqueued, "+00:00")
	m.text("MessageId", msg.messageID)
	m.text("ContentType", msg.contentType)
	m.text("ReplyTo", msg.replyTo)

	if m.key("SequenceNumber") {
		m.to = appendNumber(m.to, msg.sequence)
	}

	m.text("To", msg.to)
	m.text("Subject", msg.subject)
	m.text("Label", msg.subject)
	m.text("CorrelationId", msg.correlationID)

	properties := msg.properties
	if properties == "" {
		properties = "{}"
	}

	m.raw("ApplicationProperties", properties)
	m.raw("UserProperties", properties)
	m.text("SessionId", msg.sessionID)
	m.text("ReplyToSessionId", msg.replyToSessionID)
	m.text("PartitionKey", msg.partitionKey)
	m.text("TransactionPartitionKey", msg.transactionKey)
}

func (m *metadata) client(by stamp) {
	if !m.key("Client") {
		return
	}

	m.to = append(m.to, `{"FullyQualifiedNamespace":`...)
	m.to = appendString(m.to, by.namespace)
	m.to = append(m.to, `,"IsClosed":false,"TransportType":0,"Identifier":`...)
	m.to = appendString(m.to, by.client)
	m.to = append(m.to, '}')
}

func (m *metadata) sys(by stamp) {
	if !m.key("sys") {
		return
	}

	m.to = append(m.to, `{"MethodName":`...)
	m.to = appendString(m.to, by.function)
	m.to = append(m.to, `,"UtcNow":`...)
	m.to = appendTime(m.to, by.at, fullLayout, "Z")
	m.to = append(m.to, `,"RandGuid":"`...)
	m.to = append(m.to, by.random...)
	m.to = append(m.to, '"', '}')
}

// injected returns the top-level properties of a JSON object, without arrays
// and nulls. Objects become text.
func injected(text string) map[string]property {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "{") || !strings.HasSuffix(trimmed, "}") {
		return nil
	}

	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(trimmed), &members) != nil {
		return nil // the host ignores this error too
	}

	all := make(map[string]property, len(members))
	for name, value := range members {
		if p, ok := metadataText(value); ok {
			all[strings.ToLower(name)] = property{name: name, value: p}
		}
	}

	return all
}

// metadataText returns a JSON value as the host writes it in metadata after
// converting it to text.
func metadataText(value json.RawMessage) ([]byte, bool) {
	switch value[0] {
	case '[', 'n':
		return nil, false
	case '{':
		return value, true
	case 't':
		return appendTwice(nil, "True"), true
	case 'f':
		return appendTwice(nil, "False"), true
	case '"':
		var s string
		if json.Unmarshal(value, &s) != nil {
			return nil, false
		}

		return appendTwice(nil, dateText(s)), true
	}

	return appendTwice(nil, value), true
}

func remaining(left map[string]property) []property {
	all := make([]property, 0, len(left))
	for key, p := range left {
		all = append(all, p)

		delete(left, key)
	}

	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })

	return all
}

// lossyText returns a body as text. Bytes that are not UTF-8 are lost.
func lossyText(body []byte) string {
	if utf8.Valid(body) {
		return string(body)
	}

	return strings.ToValidUTF8(string(body), "\uFFFD")
}
