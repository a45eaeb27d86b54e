package view

import (
	"time"

	"coremachine/internal/cron"
	"coremachine/internal/state"
)

// ScheduleView is a schedule, with what became of its slots.
type ScheduleView struct {
	Name string `json:"name"`
	state.ScheduleDeclaration
	NextAt     *time.Time      `json:"next_at"` // null: paused, removed, or none
	Next       []time.Time     `json:"next"`    // the next slots, also of a paused schedule, see Upcoming
	PausedAt   *time.Time      `json:"paused_at"`
	PausedBy   string          `json:"paused_by"`
	RemovedAt  *time.Time      `json:"removed_at"` // the running build does not declare it
	LastSlot   *time.Time      `json:"last_slot"`  // that started a job
	LastJobID  *state.JobID    `json:"last_job_id"`
	LastStatus state.JobStatus `json:"last_status"` // empty: no job, or it was deleted
	Fired      int64           `json:"fired"`       // slots that started a job
	Skipped    int64           `json:"skipped"`     // slots that the overlap rule left out
	MissedSlot int64           `json:"missed_slots"`
	Error      string          `json:"error"` // why the slot at next_at has not started a job; empty: it is not late
	ErrorAt    *time.Time      `json:"error_at"`
}

// MaxUpcoming bounds the slots that a schedule lists.
const MaxUpcoming = 10

// Upcoming sets Next to the next n slots. A removed schedule has none.
func (s *ScheduleView) Upcoming(now time.Time, n int) {
	s.Next = []time.Time{}

	slots, err := cron.Parse(s.Cron, s.Zone)
	if err != nil || s.RemovedAt != nil {
		return
	}

	at := slots.Next(now)
	if s.NextAt != nil {
		at = *s.NextAt
	}

	for ; len(s.Next) < n && !at.IsZero(); at = slots.Next(at) {
		s.Next = append(s.Next, at)
	}
}

// ScheduleState is a word for what a schedule does: active, paused, removed, or late.
func (s *ScheduleView) ScheduleState() string {
	switch {
	case s.RemovedAt != nil:
		return "removed"
	case s.PausedAt != nil:
		return "paused"
	case s.Error != "":
		return "late"
	}

	return "active"
}

// ScheduleRun is what became of a slot, or of several.
type ScheduleRun struct {
	At      time.Time       `json:"at"`
	Outcome string          `json:"outcome"` // fired, skipped, missed, triggered or backfilled
	Slot    *time.Time      `json:"slot"`    // the first; null: an operator started the job
	Slots   int             `json:"slots"`   // how many
	JobID   *state.JobID    `json:"job_id"`
	Status  state.JobStatus `json:"status"` // of the job; empty: none, or it was deleted
	By      string          `json:"by"`
}

// MaxScheduleRuns bounds the entries that a schedule shows.
const MaxScheduleRuns = 50

// ScheduleDetail is a schedule with what became of its last slots.
type ScheduleDetail struct {
	ScheduleView
	Runs []ScheduleRun `json:"runs"` // newest first
}
