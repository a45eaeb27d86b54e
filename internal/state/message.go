package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
)

// Queue names one of the three queues. Its number is what message rows store.
type Queue int16

// The queues. Functions and queues agree by name: see the table in
// docs/architecture.md.
const (
	QueueJobs      Queue = 1 // plan, finish and stop messages
	QueueTasks     Queue = 2
	QueueLongTasks Queue = 3
)

// Queues lists every queue.
var Queues = []Queue{QueueJobs, QueueTasks, QueueLongTasks}

// String is the queue's name on every transport.
func (q Queue) String() string {
	switch q {
	case QueueJobs:
		return "jobs"
	case QueueTasks:
		return "tasks"
	case QueueLongTasks:
		return "long-tasks"
	}

	return fmt.Sprintf("queue-%d", int16(q))
}

// ParseQueue is the inverse of String.
func ParseQueue(name string) (Queue, error) {
	for _, q := range Queues {
		if q.String() == name {
			return q, nil
		}
	}

	return 0, Errorf(CodeNotFound, "state.ParseQueue", "unknown queue: %s. Available: %v", name, Queues)
}

// MessageKind says what the engine shall do for a message.
type MessageKind int16

// Message kinds, as stored.
const (
	KindPlan    MessageKind = 1 // plan a stage
	KindTasks   MessageKind = 2 // run a range of tasks
	KindFinish  MessageKind = 3 // compute a job's result and end it
	KindStop    MessageKind = 4 // end the queued work of a cancelled or failing job
	KindReopen  MessageKind = 5 // open a stage's undone tasks again for a retry
	KindFinally MessageKind = 6 // decide a job's outcome, or start its finally stages
)

// EnvelopeVersion is the v that this build writes. It reads any: unknown fields
// are kept.
const EnvelopeVersion = 1

// Limits of sizes, in bytes.
const (
	MaxInput       = 64 << 10 // a planned input
	MaxResult      = 1 << 20  // a task's result, or one part of it, or a job's
	MaxBody        = 1 << 20  // a request body
	MaxTransportID = 128      // a Service Bus message id, in characters
)

// Message is the small envelope that wakes the engine: ids only, never
// parameters or results. All that it says is a hint; the row that it names
// decides.
type Message struct {
	V           int         `json:"v"`
	JobID       JobID       `json:"job_id"`
	MessageID   int64       `json:"message_id"`
	Queue       Queue       `json:"queue"`
	Kind        MessageKind `json:"kind"`
	Stage       int         `json:"stage"`
	Gen         int         `json:"gen"`
	First       int         `json:"first"`            // index of the first task
	Count       int         `json:"count"`            // length of the range
	Attempt     int         `json:"attempt"`          // claims before this delivery
	Send        int         `json:"send"`             // deliberate sends, this one included
	Losses      int         `json:"losses,omitempty"` // workers lost on it before this delivery
	Traceparent string      `json:"traceparent,omitempty"`

	extra map[string]json.RawMessage // fields of a newer build, kept for the builds that know them
}

// TransportID is the message id that duplicate detection compares: the relay's
// repeats keep it, a deliberate re-send changes it, and so does another row for
// the same work, as a retry makes one. It has the form
// `{job_id}/{stage}.{gen}/{first}+{count}/{message_id}/{attempt}/{send}`. What
// grows without a limit (gen, message_id, attempt, send) is in base 36, so that
// the longest id has MaxTransportID characters.
func (m Message) TransportID() string {
	base36 := func(n int) string { return strconv.FormatInt(int64(n), 36) }
	row := strconv.FormatInt(m.MessageID, 36)

	work := fmt.Sprintf("%d+%d", m.First, m.Count)
	if m.Kind != KindTasks {
		work = fmt.Sprintf("k%d", m.Kind)
	}

	return fmt.Sprintf("%s/%d.%s/%s/%s/%s/%s",
		m.JobID, m.Stage, base36(m.Gen), work, row, base36(m.Attempt), base36(m.Send))
}

// EncodeMessage makes the JSON that transports carry, unknown fields included.
func EncodeMessage(m Message) ([]byte, error) {
	if m.V == 0 {
		m.V = EnvelopeVersion
	}

	type plain Message

	known, err := json.Marshal(plain(m))
	if err != nil || len(m.extra) == 0 {
		return known, err
	}

	all := maps.Clone(m.extra)
	if err := json.Unmarshal(known, &all); err != nil {
		return nil, err
	}

	return json.Marshal(all)
}

// DecodeMessage reads an envelope of any version. A kind of a newer build is
// valid: the engine parks such a message for that build. If b is not an
// envelope, DecodeMessage returns an Error with CodeMalformed. The caller
// records and acknowledges such a message, because a redelivery cannot repair
// it.
func DecodeMessage(b []byte) (Message, error) {
	type plain Message

	var m plain
	if err := json.Unmarshal(b, &m); err != nil {
		return Message{}, Wrap(CodeMalformed, "state.DecodeMessage", "unknown message format", err)
	}

	if m.V < 1 || m.MessageID < 1 || m.JobID == (JobID{}) || m.Kind < KindPlan {
		return Message{}, Errorf(CodeMalformed, "state.DecodeMessage", "the message has no job id or no kind")
	}

	if err := json.Unmarshal(b, &m.extra); err != nil {
		return Message{}, Wrap(CodeMalformed, "state.DecodeMessage", "unknown message format", err)
	}

	for _, known := range envelopeFields {
		delete(m.extra, known)
	}

	if len(m.extra) == 0 {
		m.extra = nil
	}

	return Message(m), nil
}

var envelopeFields = []string{
	"v",
	"job_id",
	"message_id",
	"queue",
	"kind",
	"stage",
	"gen",
	"first",
	"count",
	"attempt",
	"send",
	"losses",
	"traceparent",
}

// String is the kind as people read it.
func (k MessageKind) String() string {
	switch k {
	case KindPlan:
		return "plan"
	case KindTasks:
		return "tasks"
	case KindFinish:
		return "finish"
	case KindStop:
		return "stop"
	case KindReopen:
		return "reopen"
	case KindFinally:
		return "finally"
	}

	return fmt.Sprintf("kind-%d", int16(k))
}
