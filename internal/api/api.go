package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Engine changes records. coremachine.Machine implements it.
type Engine interface {
	Submit(ctx context.Context, req coremachine.SubmitRequest) (coremachine.SubmitResult, error)
	Cancel(ctx context.Context, id state.JobID, by string) error
	ForceCancel(ctx context.Context, id state.JobID, by string) error
	Retry(ctx context.Context, id state.JobID, by, traceparent string) (state.Retried, error)
	Delete(ctx context.Context, id state.JobID) error
	StartNow(ctx context.Context, id state.JobID, by string) error
	EditTags(
		ctx context.Context,
		id state.JobID,
		changes map[string]*string,
		by string,
	) (map[string]string, error)
	PauseSchedule(ctx context.Context, name, by string) error
	ResumeSchedule(ctx context.Context, name string) error
	TriggerSchedule(ctx context.Context, req coremachine.TriggerRequest) (coremachine.SubmitResult, error)
	BackfillSchedule(
		ctx context.Context,
		name string,
		from, until time.Time,
		by string,
	) (coremachine.Backfilled, error)
	Sweep(ctx context.Context) (coremachine.SweepReport, error)
	Types() []coremachine.JobType
}

// Reader reads records. Each call is bounded regardless of the size of a job.
// repo.Repo implements it.
type Reader interface {
	ReadJob(ctx context.Context, id state.JobID) (view.JobView, error)
	ReadVersions(ctx context.Context, ids []state.JobID) (map[state.JobID]view.Seen, error)
	ListJobs(ctx context.Context, f view.JobFilter) (view.Page[view.JobSummary, view.JobCursor], error)
	JobCounts(ctx context.Context, f view.JobFilter) ([]view.JobCount, error)
	ListTasks(
		ctx context.Context,
		id state.JobID,
		f view.TaskFilter,
	) (view.Page[view.TaskSummary, view.TaskCursor], error)
	ReadTask(ctx context.Context, id state.JobID, stage string, index int) (view.TaskView, error)
	ReadTaskLogs(ctx context.Context, id state.JobID, stage string, index int) ([]view.TaskLogView, error)
	ReadGrid(ctx context.Context, id state.JobID, stage string) (view.GridView, error)
	ListFailures(ctx context.Context, id state.JobID, stage string) ([]view.FailureGroup, error)
	ReadTimes(ctx context.Context, id state.JobID) ([]view.StageTimes, error)
	ReadSlowest(ctx context.Context, id state.JobID) ([]view.TaskSpan, error)
	ListEvents(
		ctx context.Context,
		id state.JobID,
		f view.EventFilter,
	) (view.Page[view.EventView, int64], error)
	QueueReader
	ListDead(
		ctx context.Context,
		q state.Queue,
		f view.DeadFilter,
	) (view.Page[view.DeadView, int64], error)
	DeadReasons(ctx context.Context, q state.Queue) ([]view.DeadReason, error)
	CountDead(ctx context.Context, q state.Queue, f view.DeadFilter) (wanted, unwanted int, err error)
	ListSchedules(ctx context.Context) ([]view.ScheduleView, error)
	ReadSchedule(ctx context.Context, name string) (view.ScheduleDetail, error)
	ListSweeps(ctx context.Context, before int64, limit int) (view.Page[view.SweepView, int64], error)
	ReadTrends(ctx context.Context, f view.TrendFilter) (view.TrendsView, error)
	ListRuns(ctx context.Context, id state.JobID) ([]view.RunView, error)
}

// DeadLetters redrives dead letters. Each transport implements it.
type DeadLetters interface {
	// Redrive sends up to limit dead messages of a queue again, and returns
	// their number. If reason is not empty, it selects messages with that
	// reason.
	Redrive(ctx context.Context, q state.Queue, reason string, limit int) (int, error)
	// RedriveOnly sends those of the named messages of a queue again whose rows
	// have the status dead, and returns their number.
	RedriveOnly(ctx context.Context, q state.Queue, ids []int64) (int, error)
}

// Options configure an API. If Engine, Reader or JobWatcher is nil, the process
// has no engine: only health, livez, readyz, openapi.yaml and Mounts work, and
// all other routes return 503.
type Options struct {
	Engine     Engine
	Reader     Reader
	Storage    Storage     // nil means that pictures return 503
	Dead       DeadLetters // nil means that redrive returns 503
	JobWatcher *JobWatcher
	Callbacks  Callbacks // nil means that callback URLs are rejected
	Inputs     Inputs    // nil means that computed inputs of tasks are not shown
	TraceURL   view.TraceURL
	Queues     *Queues // nil means a new Queues over Reader
	Health     Health
	Prefix     string // path before every route; "" means /api
	// Mounts are other handlers below the prefix, such as /ui. They serve GET
	// and HEAD of their path and of all paths below it.
	Mounts  map[string]http.Handler
	Streams int          // maximum number of concurrent event streams; 0 means 100
	Log     *slog.Logger // nil discards the log

	// StreamLife is the duration after which a stream is ended. It must be
	// below the 230 s of the Azure front end. 0 means 200 s.
	StreamLife time.Duration
	Heartbeat  time.Duration // interval between comments on an idle stream; 0 means 15 s
}

// API is the HTTP handler. Use New to create one.
type API struct {
	Options
	routes  chi.Router
	streams chan struct{}
	shared  sharedReads
}

// New returns an API. It starts no goroutines.
func New(o Options) *API {
	if o.Prefix == "" {
		o.Prefix = "/api"
	}

	if o.Streams == 0 {
		o.Streams = 100
	}

	if o.StreamLife == 0 {
		o.StreamLife = 200 * time.Second
	}

	if o.Heartbeat == 0 {
		o.Heartbeat = 15 * time.Second
	}

	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}

	if o.Queues == nil {
		o.Queues = NewQueues(o.Reader)
	}

	a := &API{Options: o, streams: make(chan struct{}, o.Streams)}
	a.routes = a.router()

	return a
}

// ServeHTTP answers a request below the prefix.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.routes.ServeHTTP(w, r) }

// Routes returns the routes, so that tests can compare them with a description.
func (a *API) Routes() chi.Routes { return a.routes }
