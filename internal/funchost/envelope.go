package funchost

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"coremachine/internal/state"
)

// Limits of what the decoder reads.
const (
	maxEnvelope = 8 << 20 // bytes of one trigger request: a batch of 1,000 messages with metadata takes 3 MiB
	maxNesting  = 4       // JSON strings inside JSON strings; the host makes three at most
)

// Envelope is what the host posts to a trigger, unwrapped.
type Envelope struct {
	// message bodies in order, exact bytes: one with cardinality one, any
	// number with many, none for a timer
	Bodies     [][]byte
	MessageID  string // as the transport knows it; for the log only, since a body can overwrite it
	Deliveries int    // 1 on the first delivery, 0 when unknown; for the log only, as MessageID
	PastDue    bool   // timer: the tick is late
}

// ParseEnvelope unwraps a trigger request for the named binding. The host wraps
// a value once (dataType binary: base64), twice (string: JSON in a JSON string)
// or three times (string, cardinality many), and differs between its own
// documents and versions, so every form is taken. A body that is itself base64
// or a JSON string of JSON is unwrapped too: ours are JSON objects, which no
// form makes ambiguous. Anything but {"Data":{...}} is an Error with
// CodeMalformed.
func ParseEnvelope(body []byte, binding string) (Envelope, error) {
	var in struct {
		Data     map[string]json.RawMessage
		Metadata struct {
			DeliveryCount json.RawMessage
			MessageID     json.RawMessage // MessageId on the wire: names match in any case
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Envelope{}, state.Wrap(
			state.CodeMalformed,
			"funchost.ParseEnvelope",
			"the request is not the host's envelope",
			err,
		)
	}

	raw, ok := in.Data[binding]
	if !ok && len(in.Data) == 1 {
		for _, only := range in.Data {
			raw, ok = only, true
		}
	}

	if !ok {
		return Envelope{}, state.Errorf(
			state.CodeMalformed,
			"funchost.ParseEnvelope",
			"the envelope has no data for %q",
			binding,
		)
	}

	e := Envelope{MessageID: scalar(in.Metadata.MessageID), PastDue: pastDue(raw)}
	e.Deliveries, _ = strconv.Atoi(scalar(in.Metadata.DeliveryCount))
	e.Bodies = appendBodies(nil, raw, 0)

	return e, nil
}

// appendBodies adds the message bodies that a raw JSON value holds.
func appendBodies(to [][]byte, raw []byte, depth int) [][]byte {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return to
	}

	if depth > maxNesting {
		return append(to, raw)
	}

	switch raw[0] {
	case '[':
		var all []json.RawMessage
		if err := json.Unmarshal(raw, &all); err != nil {
			return append(to, raw)
		}

		for _, one := range all {
			to = appendBodies(to, one, depth+1)
		}

		return to
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return append(to, raw)
		}

		return appendText(to, s, depth)
	}

	return append(to, raw)
}

// appendText adds what a decoded JSON string stands for: JSON in a string,
// base64, or the text itself.
func appendText(to [][]byte, s string, depth int) [][]byte {
	trimmed := bytes.TrimSpace([]byte(s))
	if len(trimmed) == 0 || string(trimmed) == "null" {
		return to
	}

	if trimmed[0] == '{' {
		return append(to, []byte(s))
	}

	if (trimmed[0] == '"' || trimmed[0] == '[') && json.Valid(trimmed) {
		return appendBodies(to, trimmed, depth+1)
	}

	if exact, err := base64.StdEncoding.Strict().DecodeString(s); err == nil {
		return append(to, exact)
	}

	return append(to, []byte(s))
}

// scalar reads a metadata value however often it is wrapped: 1, "1" and "\"1\""
// are all 1.
func scalar(raw json.RawMessage) string {
	for range maxNesting {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			break
		}

		raw = json.RawMessage(s)
	}

	if len(raw) > state.MaxTransportID || !utf8.Valid(raw) {
		return ""
	}

	return string(raw)
}

func pastDue(raw json.RawMessage) bool {
	var timer struct{ IsPastDue bool }

	_ = json.Unmarshal(raw, &timer) // a queue's data is no timer: then it is not late

	return timer.IsPastDue
}
