package view

import (
	"time"

	"coremachine/internal/state"
)

// MaxPage is the most items of a page; a filter's limit is between 1 and
// MaxPage.
const MaxPage = 500

// Moment is a point in time, or an age by the database's clock. The zero value
// is neither.
type Moment struct {
	At  time.Time
	Age time.Duration
}

// JobFilter selects jobs. Zero fields do not filter. The order is created_at
// descending, then job_id.
type JobFilter struct {
	Statuses []state.JobStatus
	Type     string
	Since    Moment       // created then or later
	Until    Moment       // created then or earlier
	IDPrefix string       // MinIDPrefix or more lower-case hex digits
	Terms    []state.Term // each of them; not together with IDPrefix
	After    *JobCursor   // jobs behind it
	Before   *JobCursor   // jobs before it, those nearest to it; not together with After
	Limit    int
}

// MinIDPrefix is the shortest id prefix that is looked for, in hex digits.
const MinIDPrefix = 4

// JobCursor is the last job of a page, or its first.
type JobCursor struct {
	CreatedAt time.Time // microseconds count
	JobID     state.JobID
}

// TaskFilter selects tasks of a job. The order is stage, then index.
type TaskFilter struct {
	Stage  string            // name; empty: every stage
	Status state.TaskStatus  // empty: every status
	From   int               // first index
	Until  int               // indexes below it; 0: all
	Error  state.Fingerprint // that ended as failed with such an error; 0: every task
	After  *TaskCursor
	Limit  int
}

// TaskCursor is how far a list of tasks was read: in that stage up to that
// index.
type TaskCursor struct {
	Stage int
	Index int
}

// EventFilter selects events of a job. The order is event_id.
type EventFilter struct {
	Kind  string
	Stage string // name
	After int64  // event id; 0: from the start
	Limit int
}

// DeadFilter selects messages that were set aside. Zero fields do not filter.
// The order is message id.
type DeadFilter struct {
	Reason string
	IDs    []int64 // message ids, at most MaxPage
	After  int64   // message id; 0: from the start
	Limit  int
}

// Page is one page of a list. Next is nil on the last page; a page may be
// short, or empty, and not be the last. Prev is for lists that are read
// backwards too: what comes before this page, now or later; nil where nothing
// was found to stand before.
type Page[T, C any] struct {
	Items []T
	Next  *C
	Prev  *C
}
