package devhost

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// writeMany writes the envelope of a batch. Its data is a JSON string that
// contains an array: of text, of base64, or, without a data type, of the parsed
// bodies. In the last case the batch fails if a body is not JSON.
func writeMany(buffer *bytes.Buffer, binding, dataType string, batch []busMessage, by stamp) error {
	values := []byte{'['}

	for i := range batch {
		if i > 0 {
			values = append(values, ',')
		}

		switch dataType {
		case "binary":
			values = appendString(values, base64.StdEncoding.EncodeToString(batch[i].body))
		case "string":
			values = appendString(values, lossyText(batch[i].body))
		default:
			if !json.Valid(batch[i].body) {
				return fmt.Errorf("message %d of the batch is not JSON, and the binding has no dataType", i)
			}

			values = append(values, batch[i].body...)
		}
	}

	to := append(buffer.AvailableBuffer(), `{"Data":{`...)
	to = appendString(to, binding)
	to = append(to, ':')
	to = appendString(to, append(values, ']'))

	m := metadata{to: append(to, `},"Metadata":{`...)}
	for _, name := range actionNames {
		m.raw(name, "{}")
	}

	m.client(by)
	m.arrays(batch)
	m.sys(by)
	buffer.Write(append(m.to, '}', '}'))

	return nil
}

// arrays appends the metadata of a batch. Names end in Array, and each value is
// a string that contains an array. Unlike for a single message, nulls are kept,
// and times keep their fractions.
func (m *metadata) arrays(batch []busMessage) {
	m.array("DeliveryCountArray", batch, func(b *busMessage) any { return b.deliveries })
	m.array("DeadLetterSourceArray", batch, func(b *busMessage) any { return orNull(b.deadLetterSource) })
	m.array("LockTokenArray", batch, func(b *busMessage) any { return orNull(b.lockToken) })
	m.array("SequenceNumberArray", batch, func(b *busMessage) any { return b.sequence })
	m.array("MessageIdArray", batch, func(b *busMessage) any { return orNull(b.messageID) })
	m.array("ExpiresAtUtcArray", batch, func(b *busMessage) any { return fullTime(b.expires, "") })
	m.array("ExpiresAtArray", batch, func(b *busMessage) any { return fullTime(b.expires, "+00:00") })
	m.array("EnqueuedTimeUtcArray", batch, func(b *busMessage) any { return fullTime(b.enqueued, "") })
	m.array("EnqueuedTimeArray", batch, func(b *busMessage) any { return fullTime(b.enqueued, "+00:00") })
	m.array("ContentTypeArray", batch, func(b *busMessage) any { return orNull(b.contentType) })
	m.array("CorrelationIdArray", batch, func(b *busMessage) any { return orNull(b.correlationID) })
	m.array("ToArray", batch, func(b *busMessage) any { return orNull(b.to) })
	m.array("SubjectArray", batch, func(b *busMessage) any { return orNull(b.subject) })
	m.array("LabelArray", batch, func(b *busMessage) any { return orNull(b.subject) })
	m.array("ReplyToArray", batch, func(b *busMessage) any { return orNull(b.replyTo) })
	m.array("ApplicationPropertiesArray", batch, func(b *busMessage) any { return object(b.properties) })
	m.array("UserPropertiesArray", batch, func(b *busMessage) any { return object(b.properties) })
	m.array("SessionIdArray", batch, func(b *busMessage) any { return orNull(b.sessionID) })
	m.array("ReplyToSessionIdArray", batch, func(b *busMessage) any { return orNull(b.replyToSessionID) })
	m.array("PartitionKeyArray", batch, func(b *busMessage) any { return orNull(b.partitionKey) })
	m.array(
		"TransactionPartitionKeyArray",
		batch,
		func(b *busMessage) any { return orNull(b.partitionKey) },
	) // a defect of the host
}

func (m *metadata) array(name string, batch []busMessage, value func(*busMessage) any) {
	values := []byte{'['}

	for i := range batch {
		if i > 0 {
			values = append(values, ',')
		}

		switch v := value(&batch[i]).(type) {
		case string:
			values = appendString(values, v)
		case json.RawMessage:
			values = append(values, v...)
		default:
			values = fmt.Append(values, v)
		}
	}

	if m.key(name) {
		m.to = appendString(m.to, append(values, ']'))
	}
}

func orNull(s *string) any {
	if s == nil {
		return json.RawMessage("null")
	}

	return *s
}

func object(s string) any {
	if s == "" {
		return json.RawMessage("{}")
	}

	return json.RawMessage(s)
}

func fullTime(t time.Time, zone string) any { return t.UTC().Format(fullLayout) + zone }
