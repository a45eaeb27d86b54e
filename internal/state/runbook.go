package state

import "strings"

// Runbook names an entry of docs/operations.md: what to do about something that
// a person is told of. A test holds the page to these.
type Runbook string

// Entries on alarms.
const (
	RunbookQueueAge     Runbook = "queue-age"
	RunbookOutboxAge    Runbook = "outbox-age"
	RunbookNoReceiver   Runbook = "no-receiver"
	RunbookDeadLetters  Runbook = "dead-letters"
	RunbookSweep        Runbook = "sweep-actions"
	RunbookAttemptsFail Runbook = "attempts-fail"
	RunbookDeaf         Runbook = "deaf-handlers"
	RunbookPool         Runbook = "pool"
	RunbookPooler       Runbook = "pooler"
	RunbookReading      Runbook = "telemetry-reading"
	RunbookNotReady     Runbook = "not-ready"
	RunbookStorage      Runbook = "storage"
	RunbookBusy         Runbook = "busy"
)

// Entries on reasons of dead letters.
const (
	RunbookMaxDelivery Runbook = "max-delivery"
	RunbookTTLExpired  Runbook = "ttl-expired"
	RunbookNoReason    Runbook = "no-reason"
	RunbookRefused     Runbook = "refused-by-broker"
	RunbookOtherReason Runbook = "other-reasons"
)

// String is where the entry is, for people; "" of none.
func (r Runbook) String() string {
	if r == "" {
		return ""
	}

	return "docs/operations.md#" + string(r)
}

// Reasons of dead letters that are known. A broker may have others.
const (
	DeadMaxDelivery = "MaxDeliveryCountExceeded" // delivered too often
	DeadTTLExpired  = "TTLExpiredException"      // waited longer than the broker's queue lets it
	DeadNoReason    = "DeadLettered"             // the broker gave none
	DeadRefused     = "RefusedByBroker"          // a broker does not take it; the broker's own reason follows
)

// RunbookOfDead is the entry on a reason of dead letters.
func RunbookOfDead(reason string) Runbook {
	own, _, _ := strings.Cut(reason, ": ")
	switch own {
	case DeadMaxDelivery:
		return RunbookMaxDelivery
	case DeadTTLExpired:
		return RunbookTTLExpired
	case DeadNoReason:
		return RunbookNoReason
	case DeadRefused:
		return RunbookRefused
	}

	return RunbookOtherReason
}
