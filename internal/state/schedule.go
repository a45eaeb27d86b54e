package state

import (
	"encoding/json"
	"time"
)

// Overlap says what a slot does while the last job of its schedule is open.
type Overlap string

// The overlap rules.
const (
	OverlapSkip           Overlap = "skip"            // it starts no job
	OverlapAllow          Overlap = "allow"           // it starts a job
	OverlapCancelPrevious Overlap = "cancel_previous" // it cancels the last job and starts a job
)

// Missed says what happens to slots that no process fired in time.
type Missed string

// The rules for missed slots.
const (
	MissedFireOnce Missed = "fire_once" // the newest due slot fires
	MissedFireAll  Missed = "fire_all"  // each fires, up to a limit
	MissedIgnore   Missed = "ignore"    // none fires
)

// MaxFireAll is the maximum limit of MissedFireAll, and of the slots of one
// backfill.
const MaxFireAll = 1000

// ScheduleDeclaration is what a schedule declares, as stored.
type ScheduleDeclaration struct {
	Cron    string          `json:"cron"`
	Zone    string          `json:"zone"`
	JobType string          `json:"job_type"`
	Params  json.RawMessage `json:"parameters"` // canonical JSON
	Overlap Overlap         `json:"overlap"`
	Missed  Missed          `json:"missed"`
	Limit   int             `json:"limit,omitempty"` // of MissedFireAll
	// Tags of its jobs. Absent if there are none, as in declarations of builds
	// that did not know them.
	Tags map[string]string `json:"tags,omitempty"`
}

// Text is the stored form. Equal declarations have equal texts.
func (d ScheduleDeclaration) Text() string {
	text, err := json.Marshal(d)
	if err != nil {
		return "" // parameters are canonical JSON
	}

	return string(text)
}

// ScheduleKey is the run key of the job of a slot.
func ScheduleKey(name string, slot time.Time) string {
	return ScheduleKeyPrefix + name + "/" + slot.UTC().Format(time.RFC3339)
}

// TriggerKey is the run key of a job that an operator started. The key is the
// idempotency key of the caller, or a TriggerTime.
func TriggerKey(name, key string) string { return ScheduleKeyPrefix + name + "/trigger/" + key }

// TriggerTime is the key of a trigger for which the caller named none.
func TriggerTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z") }

// MaxTriggerKey is the maximum length of the key of a trigger, in bytes, so that
// the run key is within its limit.
const MaxTriggerKey = 100

// DeclaredSchedule is a schedule that this process declares.
type DeclaredSchedule struct {
	Name        string
	Declaration string
	NextAt      *time.Time // its first slot from now
}

// ScheduleRow is a schedule as its processes see it.
type ScheduleRow struct {
	Name        string
	Declaration string
	NextAt      *time.Time // nil: it has no next slot
	Paused      bool
	Removed     bool // no running process declares it
	Quiet       bool // no process has written declared_at for a while
	Stale       bool // nor for longer: another declaration may replace it
	Abandoned   bool // nor for long: a process that does not declare it may remove it
}

// ScheduleFire is one step of a schedule.
type ScheduleFire struct {
	Name        string
	Declaration string
	NextAt      time.Time  // as read: the guard
	Slot        time.Time  // that is decided
	Next        *time.Time // the slot after it
	Missed      int        // slots that are left out
	Overlap     Overlap
	Job         *JobSpec // of the slot; nil: it starts none
}

// ScheduleTrigger starts the job of a schedule outside its slots.
type ScheduleTrigger struct {
	Name        string
	Declaration string
	By          string
	Overlap     Overlap
	Job         *JobSpec
}

// Fired is what became of a step of a schedule.
type Fired struct {
	Landed  bool  // the step was taken
	Found   bool  // the job existed
	Skipped bool  // the overlap rule started no job
	Refused bool  // as many jobs as the limit allows are open; nothing was changed
	Open    JobID // the last job, if it is open
}

// Backfill is what a backfill recorded.
type Backfill struct {
	Name  string
	By    string
	Slot  time.Time // the first
	Slots int
}
