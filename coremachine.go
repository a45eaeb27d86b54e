package coremachine

import (
	"context"
	"iter"
	"os"
	"time"

	"coremachine/internal/app"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// Declarations of jobs.
type (
	// Job is a compiled definition.
	Job = define.Job
	// Definition declares a job with parameters of type P.
	Definition[P any] = define.Definition[P]
	// Stage declares one stage of a job.
	Stage[P any] = define.Stage[P]
	// Tasks is how a stage plans its tasks. See Single, Dynamic, MatchPrevious,
	// FanOut and FanIn.
	Tasks[P any] = define.Tasks[P]
	// Source is an earlier stage that FanOut reads.
	Source[T any] = define.Source[T]
	// Results gives a job's result function access to the results of its stages.
	Results = define.Results
	// Display is a member of a job's result that the dashboard shows as a
	// picture or a table. See Image and Table.
	Display = define.Display
	// DisplayKind says how a Display is shown.
	DisplayKind = define.DisplayKind
)

// The kinds of displays.
const (
	// DisplayImage is the kind of Image.
	DisplayImage = define.DisplayImage
	// DisplayTable is the kind of Table.
	DisplayTable = define.DisplayTable
)

// Image shows a member of a job's result that is a Picture.
func Image(path string) Display { return define.Image(path) }

// Table shows a member of a job's result as a table: an array of objects with a
// row for each, or an object with a row for each of its members.
func Table(path string) Display { return define.Table(path) }

// Code of tasks.
type (
	// Handler runs the tasks of one task type.
	Handler = handlers.Handler
	// Option configures a handler.
	Option = handlers.Option
	// Task is one attempt of a task, as its handler sees it.
	Task = handlers.Task
	// TaskType names a task type and its input and output types.
	TaskType[In, Out any] = handlers.TaskType[In, Out]
	// JobOutcome is how a job ends, as its finally stages see it. See Outcome.
	JobOutcome = handlers.JobOutcome
	// Deps holds the external services that handlers can use.
	Deps = handlers.Deps
	// Blobs is blob storage, as handlers see it.
	Blobs = handlers.Blobs
	// BlobReader reads blobs. It is a part of Blobs.
	BlobReader = handlers.BlobReader
	// BlobWriter writes blobs. It is a part of Blobs.
	BlobWriter = handlers.BlobWriter
	// Blob is one blob of a listing.
	Blob = handlers.Blob
	// BlobInfo holds the properties of one version of a blob.
	BlobInfo = handlers.BlobInfo
	// Block is a block of a blob.
	Block = handlers.Block
	// BlockList holds the committed and the uncommitted blocks of a blob.
	BlockList = handlers.BlockList
	// WriteOptions holds the properties and the conditions of a write.
	WriteOptions = handlers.WriteOptions
	// Picture is a picture in storage, as a member of a job's result.
	Picture = handlers.Picture
	// StorageError is the reason why storage did not serve a request. Find one
	// with errors.Is.
	StorageError = handlers.StorageError
)

// Errors of storage.
const (
	// ErrNoContainer means that the container does not exist.
	ErrNoContainer = handlers.ErrNoContainer
	// ErrNoBlob means that the blob does not exist.
	ErrNoBlob = handlers.ErrNoBlob
	// ErrBlobChanged means that the blob has another ETag.
	ErrBlobChanged = handlers.ErrBlobChanged
	// ErrBlobExists means that the blob exists.
	ErrBlobExists = handlers.ErrBlobExists
	// ErrOutOfRange means that a range is beyond the end of the blob.
	ErrOutOfRange = handlers.ErrOutOfRange
	// ErrNoBlock means that a block of the list is not staged.
	ErrNoBlock = handlers.ErrNoBlock
	// ErrBlockLimit means that a block, or a list of blocks, is outside the
	// limits of storage.
	ErrBlockLimit = handlers.ErrBlockLimit
	// ErrStorageRejected means that storage does not allow the request.
	ErrStorageRejected = handlers.ErrStorageRejected
	// ErrBlobUnreadable means that the blob is archived, or encrypted with
	// another key.
	ErrBlobUnreadable = handlers.ErrBlobUnreadable
	// ErrStorageBusy means that storage is throttling.
	ErrStorageBusy = handlers.ErrStorageBusy
	// ErrStorageUnreachable means that storage did not answer.
	ErrStorageUnreachable = handlers.ErrStorageUnreachable
	// ErrNoStorage means that no storage account is configured.
	ErrNoStorage = handlers.ErrNoStorage
)

// Schedules of jobs.
type (
	// Schedule starts a job at local times. See Every.
	Schedule = define.Schedule
	// ScheduleOption configures a schedule.
	ScheduleOption = define.ScheduleOption
)

// MainOption adds to what Main runs.
type MainOption func(*mainOptions)

type mainOptions struct{ schedules map[string]Schedule }

// WithSchedules declares schedules. A schedule that is removed from the map
// stops, and one that is changed continues from now.
func WithSchedules(schedules map[string]Schedule) MainOption {
	return func(o *mainOptions) { o.schedules = schedules }
}

// Main runs the process and exits. Without arguments it serves the Azure
// Functions host; with the argument worker it is a plain process. It also has
// the arguments version and help.
func Main(jobs map[string]Job, handlers map[string]Handler, options ...MainOption) {
	var o mainOptions
	for _, option := range options {
		option(&o)
	}

	os.Exit(app.Command(os.Args[1:], jobs, handlers, o.schedules))
}

// None is the DependsOn of a stage that waits for nothing.
var None = define.None

// MaxResult is the maximum size of a result, in bytes of JSON.
const MaxResult = state.MaxResult

// DefaultTimeout is the maximum time of an attempt without Timeout.
const DefaultTimeout = handlers.DefaultTimeout

// MaxPage is the maximum number of blobs on one page of a listing.
const MaxPage = handlers.MaxPage

// Limits of blobs that consist of blocks.
const (
	// MaxBlocks is the maximum number of blocks of a blob.
	MaxBlocks = handlers.MaxBlocks
	// MaxStagedBlocks is the maximum number of uncommitted blocks of a blob.
	MaxStagedBlocks = handlers.MaxStagedBlocks
	// MaxBlockID is the maximum length of a block ID in bytes.
	MaxBlockID = handlers.MaxBlockID
	// MaxBlockSize is the maximum size of a block in bytes.
	MaxBlockSize = handlers.MaxBlockSize
)

// CheckBlock returns ErrBlockLimit if storage would reject a block.
func CheckBlock(id string, size int) error { return handlers.CheckBlock(id, size) }

// CheckBlocks returns ErrBlockLimit if storage would reject a list of blocks.
func CheckBlocks(ids []string) error { return handlers.CheckBlocks(ids) }

// Define compiles a definition.
func Define[P any](d Definition[P]) Job { return define.Define(d) }

// Single plans one task.
func Single[P, In, Out any](t TaskType[In, Out], input func(P) In) Tasks[P] {
	return define.Single(t, input)
}

// Dynamic plans as many tasks as the integer parameter count says.
func Dynamic[P, In, Out any](t TaskType[In, Out], count string, input func(p P, index int) In) Tasks[P] {
	return define.Dynamic(t, count, input)
}

// MatchPrevious plans one task for each task of the stage that it depends on.
func MatchPrevious[P, In, Out any](t TaskType[In, Out], input func(p P, index int) In) Tasks[P] {
	return define.MatchPrevious(t, input)
}

// FanOut plans the tasks that plan yields for each result of the source.
func FanOut[P, In, Out, S any](
	t TaskType[In, Out],
	from Source[S],
	plan func(p P, index int, result S) iter.Seq[In],
) Tasks[P] {
	return define.FanOut(t, from, plan)
}

// FanIn plans one task over all results of all dependencies. The task reads
// them with StageResults.
func FanIn[P, In, Out any](t TaskType[In, Out], input func(P) In) Tasks[P] {
	return define.FanIn(t, input)
}

// From refers to the results of an earlier stage.
func From[In, Out any](stage string, t TaskType[In, Out]) Source[Out] { return define.From(stage, t) }

// FromParts refers to the parts that the tasks of an earlier stage emit.
func FromParts[Part any](stage string) Source[Part] { return define.FromParts[Part](stage) }

// Of streams the results of a stage in index order, in a job's result function.
func Of[Out any](ctx context.Context, r Results, stage string) iter.Seq2[Out, error] {
	return define.Of[Out](ctx, r, stage)
}

// PartsOf streams the parts that the tasks of a stage emitted.
func PartsOf[Part any](ctx context.Context, r Results, stage string) iter.Seq2[Part, error] {
	return define.PartsOf[Part](ctx, r, stage)
}

// Field returns an error of Preflight that names a parameter.
func Field(param, message string) error { return define.Field(param, message) }

// Every declares that a job starts at the times of a cron expression in a time
// zone: five fields, or six with seconds first. A field of params that is zero
// and has a default gets the default.
func Every[P any](expression, zone string, job Job, params P, opts ...ScheduleOption) Schedule {
	return define.Every(expression, zone, job, params, opts...)
}

// Skip starts no job while the last job of the schedule is open. It is the
// default.
func Skip() ScheduleOption { return define.Skip() }

// Allow starts a job in any case.
func Allow() ScheduleOption { return define.Allow() }

// CancelPrevious cancels the last job if it is open, and starts a job.
func CancelPrevious() ScheduleOption { return define.CancelPrevious() }

// FireOnce fires the newest of several due slots. It is the default.
func FireOnce() ScheduleOption { return define.FireOnce() }

// FireAll fires each of several due slots, up to the newest limit slots. It
// requires Allow.
func FireAll(limit int) ScheduleOption { return define.FireAll(limit) }

// Tags sets tags on the jobs of a schedule.
func Tags(tags map[string]string) ScheduleOption { return define.Tags(tags) }

// Ignore fires no slot that is more than two minutes late.
func Ignore() ScheduleOption { return define.Ignore() }

// Func makes a handler from a function.
func Func[In, Out any](fn func(context.Context, Task, In) (Out, error), opts ...Option) Handler {
	return handlers.Func(fn, opts...)
}

// Attempts sets the maximum number of attempts of a task.
func Attempts(n int) Option { return handlers.Attempts(n) }

// Base sets the delay before the first retry.
func Base(d time.Duration) Option { return handlers.Base(d) }

// Factor sets how much longer each retry delay is than the one before it.
func Factor(f float64) Option { return handlers.Factor(f) }

// Cap sets the maximum retry delay.
func Cap(d time.Duration) Option { return handlers.Cap(d) }

// Jitter sets the random share of a retry delay.
func Jitter(share float64) Option { return handlers.Jitter(share) }

// Timeout sets the maximum time of an attempt.
func Timeout(d time.Duration) Option { return handlers.Timeout(d) }

// Long moves the task type to the queue for long tasks.
func Long() Option { return handlers.Long() }

// Emits declares the type of the parts that a handler emits.
func Emits[Part any]() Option { return handlers.Emits[Part]() }

// Needs names the fields of Deps that a handler requires.
func Needs(fields ...string) Option { return handlers.Needs(fields...) }

// Permanent marks an error that a retry cannot help.
func Permanent(err error) error { return handlers.Permanent(err) }

// RetryAfter sets the delay before the next attempt.
func RetryAfter(d time.Duration, err error) error { return handlers.RetryAfter(d, err) }

// IsPermanent reports whether an error was marked with Permanent.
func IsPermanent(err error) bool { return handlers.IsPermanent(err) }

// RetryDelay returns the delay that RetryAfter set on an error.
func RetryDelay(err error) (time.Duration, bool) { return handlers.RetryDelay(err) }

// Params returns the parameters of the task's job.
func Params[P any](t Task) (P, error) { return handlers.Params[P](t) }

// Outcome returns how the job of a task of a finally stage ends. In any other
// stage it returns the zero value.
func Outcome(t Task) JobOutcome { return handlers.Outcome(t) }

// Predecessor returns the result of the task that this one follows.
func Predecessor[Out any](ctx context.Context, t Task) (Out, error) {
	return handlers.Predecessor[Out](ctx, t)
}

// StageResults streams the results of an earlier stage, in a handler.
func StageResults[Out any](ctx context.Context, t Task, stage string) iter.Seq2[Out, error] {
	return handlers.Results[Out](ctx, t, stage)
}

// StageParts streams the parts of an earlier stage, in a handler.
func StageParts[Part any](ctx context.Context, t Task, stage string) iter.Seq2[Part, error] {
	return handlers.Parts[Part](ctx, t, stage)
}
