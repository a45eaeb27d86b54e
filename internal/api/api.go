package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
)

// Engine changes records. coremachine.Machine is it.
type Engine interface {
	Submit(ctx context.Context, req coremachine.SubmitRequest) (coremachine.SubmitResult, error)
	Cancel(ctx context.Context, id state.JobID, by string) error
	ForceCancel(ctx context.Context, id state.JobID, by string) error
	Retry(ctx context.Context, id state.JobID, by, traceparent string) (state.Retried, error)
	Delete(ctx context.Context, id state.JobID) error
	Sweep(ctx context.Context) (coremachine.SweepReport, error)
	Types() []coremachine.JobType
}

// Reader reads records, each call within bounds whatever the size of a job.
// repo.Repo is it.
type Reader interface {
	ReadJob(ctx context.Context, id state.JobID) (state.JobView, error)
	ReadVersions(ctx context.Context, ids []state.JobID) (map[state.JobID]state.Seen, error)
	ListJobs(ctx context.Context, f state.JobFilter) (state.Page[state.JobSummary, state.JobCursor], error)
	JobCounts(ctx context.Context, f state.JobFilter) ([]state.JobCount, error)
	ListTasks(
		ctx context.Context,
		id state.JobID,
		f state.TaskFilter,
	) (state.Page[state.TaskSummary, state.TaskCursor], error)
	ReadTask(ctx context.Context, id state.JobID, stage string, index int) (state.TaskView, error)
	ReadGrid(ctx context.Context, id state.JobID, stage string) (state.GridView, error)
	ListFailures(ctx context.Context, id state.JobID, stage string) ([]state.FailureGroup, error)
	ReadTimes(ctx context.Context, id state.JobID) ([]state.StageTimes, error)
	ReadSlowest(ctx context.Context, id state.JobID) ([]state.TaskSpan, error)
	ListEvents(
		ctx context.Context,
		id state.JobID,
		f state.EventFilter,
	) (state.Page[state.EventView, int64], error)
	QueueReader
	ListDead(
		ctx context.Context,
		q state.Queue,
		f state.DeadFilter,
	) (state.Page[state.DeadView, int64], error)
	DeadReasons(ctx context.Context, q state.Queue) ([]state.DeadReason, error)
	CountDead(ctx context.Context, q state.Queue, f state.DeadFilter) (wanted, unwanted int, err error)
	ListSweeps(ctx context.Context, before int64, limit int) (state.Page[state.SweepView, int64], error)
}

// DeadLetters sends what was set aside again; each transport is one.
type DeadLetters interface {
	// Redrive sends at most most dead messages of a queue again, those with the
	// reason where it is not empty, and returns how many.
	Redrive(ctx context.Context, q state.Queue, reason string, most int) (int, error)
	// RedriveOnly sends those of the named messages of a queue again whose rows
	// say that they are dead, and returns how many.
	RedriveOnly(ctx context.Context, q state.Queue, ids []int64) (int, error)
}

// Options make an API. With Engine, Reader or Hub nil the process has no
// engine: health, livez, readyz, openapi.yaml and Mounts answer, and everything
// else is 503.
type Options struct {
	Engine Engine
	Reader Reader
	Dead   DeadLetters // nil: redrive is 503
	Hub    *Hub
	Queues *Queues // nil: of Reader
	Health Health
	Prefix string // before every route; "" is /api
	// other handlers below the prefix, such as /ui: GET and HEAD of it and of
	// all below
	Mounts  map[string]http.Handler
	Streams int          // most event streams at once; 0 is 100
	Log     *slog.Logger // nil discards

	// after which a stream is ended, below the 230 s of the Azure front end; 0
	// is 200 s
	StreamLife time.Duration
	Heartbeat  time.Duration // between comments on an idle stream; 0 is 15 s
}

// API is the handler. Make it with New.
type API struct {
	Options
	routes  chi.Router
	streams chan struct{}
	shared  sharedReads
}

// New makes the handler. It starts nothing.
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

// ServeHTTP answers one request below the prefix.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.routes.ServeHTTP(w, r) }

// Routes are the routes, for whoever compares them with a description.
func (a *API) Routes() chi.Routes { return a.routes }
