package state

import (
	"time"

	"github.com/google/uuid"
)

// JobSpec is a job as submitted: what the job row and its stage rows are made
// from.
type JobSpec struct {
	JobID       JobID
	JobType     string
	Params      []byte // canonical JSON
	HasResult   bool   // a result function runs before the job ends
	Traceparent string
	By          string            // who asked, for the timeline
	CallbackURL string            // notified when the job ends; empty: none
	RunKey      string            // the rest of its identity; empty: none
	StartAt     time.Time         // when its first stages start; zero: immediately
	Tags        map[string]string // given with the submit
	Terms       []Term            // the tags, and the parameters that it is found by
	Stages      []StageSpec
}

// StageSpec is one stage of a JobSpec. Its number is its place in JobSpec.Stages,
// a topological order.
type StageSpec struct {
	Name         string
	TaskType     string
	Kind         Parallelism
	Queue        Queue
	DependsOn    []int16
	Dependencies []string // their names, the source of a fan_out first
	Skip         bool     // its skip condition holds
	Expected     int      // number of tasks, if the parameters alone determine it; -1: planned
	Window       int      // maximum number of tasks dispatched and not ended
	Bundle       int      // tasks a message carries
	Tolerance    float64  // share of failed tasks that does not fail the job
	Finally      bool     // it runs after the outcome of the job is decided; after all that do not
}

// SubmitOutcome is what became of a job that was submitted.
type SubmitOutcome int

// Outcomes of a submit.
const (
	SubmitFound   SubmitOutcome = iota // it was there already
	SubmitCreated                      // it was made
	SubmitRefused                      // as many jobs as the limit allows are open
)

// DefaultWindow is the most tasks of a stage that are dispatched and not ended,
// so that a huge job starves no small one.
const DefaultWindow = 10_000

// MaxPanics is how many panics of the engine on one message fail its job, as
// CodeEnginePanic.
const MaxPanics = 5

// MaxLosses is how many lost workers end a task: the fifth is final, as
// CodeWorkerLost.
const MaxLosses = 5

// ClaimedMessage is a message row that this process has claimed, with the fields
// of its stage that the engine needs. (JobID, MessageID, worker, Attempt) is the
// fence: a process that does not present it writes nothing.
type ClaimedMessage struct {
	JobID       JobID
	MessageID   int64
	Queue       Queue
	Kind        MessageKind
	Stage       int
	Gen         int
	First       int
	Count       int
	TasksLeft   int
	Attempt     int // this claim
	Losses      int // workers lost on it
	ClaimedAt   time.Time
	ParkedSince time.Time // zero: the type was known when it was last seen
	Traceparent string

	Incarnation  int64 // of the job row: a job that was deleted and submitted again has another
	JobType      string
	HasResult    bool
	StageName    string
	TaskType     string
	Shape        Parallelism
	DependsOn    []int16
	Dependencies []string // names of DependsOn, the source of a fan_out first
	Finally      bool     // the stage runs after the outcome of the job is decided
	StageGen     int      // of the stage row: where it differs from Gen the message is of the past
	Planned      int
	Total        int // -1: not planned yet
	Bundle       int
	Skip         bool // its skip condition held at submit
	Expected     int  // number of tasks, if the parameters alone determine it; -1: planned

	SourceTotal int         // of match_previous: tasks of the stage that it follows
	SourceType  string      // of the first stage that it depends on
	SourceKind  Parallelism // of the same

	// Predecessors are the results that the tasks follow, if the transaction that
	// claimed the message recorded them. Nil: they are read when needed.
	Predecessors *ResultPage
}

// StageShape is what the stage is matched with a declaration by.
func (h *ClaimedMessage) StageShape() StageShape {
	return StageShape{
		Name:         h.StageName,
		TaskType:     h.TaskType,
		Kind:         h.Shape,
		Dependencies: h.Dependencies,
		Finally:      h.Finally,
	}
}

// Orphan is a message whose holder's lease has ended: Count tasks from First
// on, where it is of KindTasks.
type Orphan struct {
	Worker    uuid.UUID // the holder
	JobID     JobID
	MessageID int64
	Kind      MessageKind
	Attempt   int // under which it is held
	First     int
	Count     int
}

// BundleTask is a task that a held message covers.
type BundleTask struct {
	Index    int
	Failures int
	Losses   int
	Input    []byte // nil where inputs are computed
	Later    bool   // the input is stored and was left out of a page
}

// ResultRange names the results of a range of a stage's tasks.
type ResultRange struct {
	JobID JobID
	Stage int
	First int
	Count int
}

// ResultPage is what was read of a ResultRange: a task without a result below
// Until has none.
type ResultPage struct {
	Results map[int][]byte // by index
	Until   int            // the first index that was not read
	Whole   bool           // the whole range was read
}

// TaskEnd is how one attempt of one task ended.
type TaskEnd struct {
	JobID     JobID
	MessageID int64
	Attempt   int
	Stage     int
	Gen       int
	Index     int
	// StageTotal is the number of tasks of the stage. 0: not known.
	StageTotal int
	Status     TaskStatus // TaskCompleted, TaskFailed, or TaskQueued: to be tried again after Delay
	Result     []byte     // of a completed task: JSON
	Outcome    Outcome    // of any other
	Code       Code       // of any other
	Error      string     // of any other: clean text
	Stack      string     // of a panic, at most MaxStack bytes
	StartedAt  time.Time
	Delay      time.Duration
	Log        *TaskLog // nil: none is kept
}

// PartFate is what became of an emitted part.
type PartFate struct {
	Held bool // the attempt still holds its message
	// the part is stored under its number, by this write or by an earlier one
	// with the same content
	Stored bool
	Found  [32]byte // SHA-256 of another content that is stored under the number
}

// TransitionEffects holds the effects of a transaction. The process that
// committed it uses them to wake the queues.
type TransitionEffects struct {
	Queues [3]bool          // by Queue-1: message rows were written that are due now
	Landed int              // tasks written
	Jobs   []JobID          // jobs ended
	Taken  []ClaimedMessage // messages that the transaction wrote and claimed for its own process
}

// Queue marks a queue as holding new work.
func (m *TransitionEffects) Queue(q Queue) { m.Queues[q-1] = true }

// Add merges what another statement of the same transaction moved.
func (m *TransitionEffects) Add(o TransitionEffects) {
	for i, b := range o.Queues {
		m.Queues[i] = m.Queues[i] || b
	}

	m.Landed += o.Landed
	m.Jobs = append(m.Jobs, o.Jobs...)
}

// CancelProgress is how far the stop of a job has come.
type CancelProgress struct {
	Since        float64 // seconds since it was asked for, by the database's clock
	Held         int     // message rows held by workers
	Queued       int     // message rows that are not
	Undispatched int     // stages with tasks that have no message
}

// StoredPart is a result, or one part of it, as stored.
type StoredPart struct {
	Index int
	Part  int // -1: the result itself
	Data  []byte
}

// JobState is the little of a job that a decision about it needs.
type JobState struct {
	Status   JobStatus
	Attempt  int
	Stopping bool       // asked to stop, and not ended yet
	Deleting bool       // marked for deletion: it cannot run again
	Recent   bool       // submitted within the last minute
	StartAt  *time.Time // when its first stages start, if that was later than the submit
}

// JobRef names a job row: a job that was deleted and submitted again has
// another incarnation.
type JobRef struct {
	JobID       JobID
	Incarnation int64
}

// StartState is what a request to start a delayed job found.
type StartState struct {
	Status   JobStatus
	StartAt  *time.Time // before the request; nil: the job was not delayed
	Stopping bool       // asked to stop, and not ended yet
	Deleting bool       // marked for deletion
	Landed   bool       // the request changed the start
}

// CancelState is what a cancel found.
type CancelState struct {
	Status   JobStatus
	Stopping bool // a stop was asked for, now or before
	Deleting bool // marked for deletion
	// Outcome is set while finally stages run, which a cancel does not stop.
	Outcome JobStatus
}

// JobOutcome is what the finally stages of a job may know about it.
type JobOutcome struct {
	Status JobStatus // how the job ends: completed, completed_with_errors, failed or cancelled
	Error  *Failure  // why it failed; nil otherwise
}

// Retried says what a retry runs again.
type Retried struct {
	Attempt int // of the job
	Tasks   int // failed and cancelled tasks opened again
	Stages  int // stages that run from the start
}

// StageRef names a generation of a stage.
type StageRef struct {
	JobID JobID
	Stage int
	Gen   int
}

// SweepFound is what a sweep found and did, by what it was.
type SweepFound struct {
	Lost       int `json:"lost"`       // tasks and plans freed from processes that went away
	Dead       int `json:"dead"`       // dead letters of wanted work redriven
	Collected  int `json:"collected"`  // messages that a transport of its own set aside, noted on their rows
	Resent     int `json:"resent"`     // messages sent again, of stages that stood still
	Repaired   int `json:"repaired"`   // open jobs that no message could move, given theirs again
	Expired    int `json:"expired"`    // ended jobs past retention, marked for deletion
	Purged     int `json:"purged"`     // rows deleted
	Superseded int `json:"superseded"` // rows of past generations deleted
	Logs       int `json:"logs"`       // expired log lines of tasks deleted, by attempt
}

// ProgressReport is what the running handlers of one message report: JSON that
// maps a task's index to its TaskProgress.
type ProgressReport struct {
	JobID     JobID
	MessageID int64
	Attempt   int
	JSON      []byte
}

// TaskProgress is how far a running attempt says it is.
type TaskProgress struct {
	Fraction float64 `json:"fraction"` // 0 to 1
	Note     string  `json:"note,omitempty"`
}

// LocalCapacity describes the free capacity of the process that runs a
// transaction. With it, the transaction can claim the messages that it writes,
// and the same process runs them without a trip through a queue.
type LocalCapacity struct {
	Worker uuid.UUID // the worker that claims the messages
	Room   int       // number of tasks that the process has room for; 0: it claims nothing
	// Reserve reserves the slot of a message that the transaction claims. If Room
	// is 0, Reserve is nil.
	Reserve func() bool
	// TaskDuration returns the usual duration of a task of a type, or 0 if it is not
	// known.
	TaskDuration func(taskType string) time.Duration
}

// shortTask is the duration below which a task ends before the engine could
// record its end.
const shortTask = 200 * time.Microsecond

// Short reports whether tasks that usually take this time are short. A short
// task is not worth a goroutine, a write or a slot of its own. If the duration
// is not known, took is 0 and the task is not short.
func Short(took time.Duration) bool { return took > 0 && took < shortTask }
