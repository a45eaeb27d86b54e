package funchost

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"coremachine/internal/state"
)

// Limits of the decoder.
const (
	// maxEnvelope limits a trigger request, in bytes. A batch of 1,000 messages
	// with metadata has 3 MiB.
	maxEnvelope = 8 << 20
	// maxNesting limits JSON strings inside JSON strings. The host nests at
	// most three.
	maxNesting = 4
)

// Envelope is the decoded body that the host posts to a trigger.
type Envelope struct {
	// Bodies are the message bodies in order. Their number is one with
	// cardinality one, any with cardinality many, and zero for a timer.
	Bodies [][]byte
	// MessageID is the transport's ID. Use it only for the log, since a body
	// can overwrite it.
	MessageID string
	// Deliveries is 1 on the first delivery and 0 if unknown. Use it only for
	// the log, as MessageID.
	Deliveries int
	// PastDue is true for a timer tick that is late.
	PastDue bool
}

// ParseEnvelope decodes a trigger request for a binding. The host encodes a
// value once (dataType binary: base64), twice (string: JSON in a JSON string)
// or three times (string, cardinality many). Its versions and documents differ,
// so every format is accepted. A body that is itself base64, or a JSON string
// of JSON, is decoded too; this is unambiguous because the bodies of the engine
// are JSON objects. If the request is not {"Data":{...}}, ParseEnvelope returns
// an error with CodeMalformed.
func ParseEnvelope(body []byte, binding string) (Envelope, error) {
	var in struct {
		Data     map[string]json.RawMessage
		Metadata struct {
			DeliveryCount json.RawMessage
			MessageID     json.RawMessage // MessageId in the request, because names match in any case
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

// appendBodies appends the message bodies in a raw JSON value.
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
		var elements []json.RawMessage
		if err := json.Unmarshal(raw, &elements); err != nil {
			return append(to, raw)
		}

		for _, element := range elements {
			to = appendBodies(to, element, depth+1)
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

// appendText appends the value of a decoded JSON string: JSON in a string,
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

// scalar returns a metadata value. It accepts any nesting: 1, "1" and "\"1\""
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

	_ = json.Unmarshal(raw, &timer) // the data of a queue is not a timer, and is not late

	return timer.IsPastDue
}
