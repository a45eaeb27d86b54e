package view

import (
	"strings"

	"coremachine/internal/state"
)

// Runbook names an entry of docs/operations.md. The entry says what to do about
// a problem that the product reports. A test checks that the page has each
// entry.
type Runbook string

// Entries on alarms.
const (
	RunbookQueueAge     Runbook = "queue-age"
	RunbookOutboxAge    Runbook = "outbox-age"
	RunbookNoReceiver   Runbook = "no-receiver"
	RunbookDeadLetters  Runbook = "dead-letters"
	RunbookSweep        Runbook = "sweep-actions"
	RunbookAttemptsFail Runbook = "attempts-fail"
	RunbookUnresponsive Runbook = "unresponsive-handlers"
	RunbookPool         Runbook = "pool"
	RunbookPooler       Runbook = "pooler"
	RunbookReading      Runbook = "telemetry-reading"
	RunbookNotReady     Runbook = "not-ready"
	RunbookStorage      Runbook = "storage"
	RunbookIdentity     Runbook = "identity"
	RunbookAccess       Runbook = "access"
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

// At is the address where the dashboard serves the entry, given that of the API
// or its path, for example /api.
func (r Runbook) At(api string) string { return api + "/ui/help/operations#" + string(r) }

// Link is the value of the header Link that leads to the entry.
func (r Runbook) Link(api string) string { return "<" + r.At(api) + `>; rel="help"` }

// RunbookOfDead is the entry on a reason of dead letters.
func RunbookOfDead(reason string) Runbook {
	own, _, _ := strings.Cut(reason, ": ")
	switch own {
	case state.DeadMaxDelivery:
		return RunbookMaxDelivery
	case state.DeadTTLExpired:
		return RunbookTTLExpired
	case state.DeadNoReason:
		return RunbookNoReason
	case state.DeadRefused:
		return RunbookRefused
	}

	return RunbookOtherReason
}
