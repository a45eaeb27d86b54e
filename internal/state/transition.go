package state

import (
	"fmt"
	"strings"
)

// Transition is one allowed change of a record's status.
type Transition struct {
	From, To string
	On       string // what makes it
}

// Transitions is the status machine of one kind of record. The database refuses
// what its CHECKs can see of it; the tests log every change of a status and
// compare it with this table.
type Transitions struct {
	Record  string
	Initial []string
	Steps   []Transition
}

// Allows reports whether a record may change from one status to another. A
// record may always keep its status.
func (m Transitions) Allows(from, to string) bool {
	if from == to {
		return true
	}

	for _, s := range m.Steps {
		if s.From == from && s.To == to {
			return true
		}
	}

	return false
}

// JobMachine, StageMachine and TaskMachine are the one transition table.
var (
	JobMachine = Transitions{Record: "job", Initial: []string{"queued", "running"}, Steps: []Transition{
		{"queued", "running", "first claim, or a failure before it"},
		{"queued", "completed", "every stage is skipped or empty"},
		{"queued", "cancelled", "cancel before the first claim"},
		{"running", "completed", "last stage ends, no task failed"},
		{"running", "completed_with_errors", "last stage ends, tolerated or finally tasks failed"},
		{"running", "failed", "stop after a failure"},
		{"running", "cancelled", "stop after cancel"},
		{"completed", "queued", "rerun"},
		{"completed_with_errors", "queued", "rerun, retry"},
		{"failed", "queued", "rerun, retry, submit"},
		{"cancelled", "queued", "rerun, retry, submit"},
	}}
	StageMachine = Transitions{Record: "stage", Initial: []string{"waiting", "running"}, Steps: []Transition{
		{"waiting", "running", "last dependency ends, or the outcome is decided"},
		{"waiting", "skipped", "last dependency ends, skip condition, or a finally stage of a job that never ran"},
		{"waiting", "completed", "last dependency ends, no tasks"},
		{"waiting", "cancelled", "stop"},
		{"running", "completed", "last task ends"},
		{"running", "skipped", "planned, skip condition"},
		{"running", "failed", "stop, more tasks failed than tolerated, or no plan"},
		{"running", "cancelled", "stop"},
		{"completed", "cancelled", "forced cancel, task rows contradict it"},
		{"skipped", "cancelled", "forced cancel, task rows contradict it"},
		{"failed", "cancelled", "forced cancel, task rows contradict it"},
		{"completed", "running", "retry of failed tasks"},
		{"completed", "waiting", "retry upstream"},
		{"skipped", "waiting", "retry upstream"},
		{"failed", "running", "retry of failed tasks"},
		{"failed", "waiting", "retry upstream"},
		{"cancelled", "running", "retry of cancelled tasks"},
		{"cancelled", "waiting", "retry upstream, or the outcome is decided"},
	}}
	// TaskMachine includes running, which is not stored on the task: a queued
	// task is running while a worker holds the message row that covers it. So
	// the database sees queued in its place.
	TaskMachine = Transitions{Record: "task", Initial: []string{"queued", "cancelled"}, Steps: []Transition{
		{"queued", "running", "claim of its message"},
		{"running", "queued", "attempt failed and will be retried, worker lost, or released"},
		{"running", "completed", "attempt succeeded"},
		{"running", "failed", "last attempt failed, permanent error, or fifth worker loss"},
		{"running", "cancelled", "stop, handler returned or was abandoned"},
		{"queued", "cancelled", "stop"},
		{"failed", "queued", "retry"},
		{"cancelled", "queued", "retry"},
	}}
)

// Mermaid draws the machine as a Mermaid state diagram.
func (m Transitions) Mermaid() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")

	for _, s := range m.Initial {
		fmt.Fprintf(&b, "    [*] --> %s\n", s)
	}

	for _, s := range m.Steps {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", s.From, s.To, s.On)
	}

	return b.String()
}
