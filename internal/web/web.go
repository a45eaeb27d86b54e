package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/coremachine"
	"coremachine/internal/state"
)

// Reader reads records, each call within bounds whatever the size of a job.
// repo.Repo is it.
type Reader interface {
	ReadJob(ctx context.Context, id state.JobID) (state.JobView, error)
	ListJobs(ctx context.Context, f state.JobFilter) (state.Page[state.JobSummary, state.JobCursor], error)
	JobCounts(ctx context.Context, f state.JobFilter) ([]state.JobCount, error)
	ListTasks(
		ctx context.Context,
		id state.JobID,
		f state.TaskFilter,
	) (state.Page[state.TaskSummary, state.TaskCursor], error)
	ReadGrid(ctx context.Context, id state.JobID, stage string) (state.GridView, error)
	ReadTask(ctx context.Context, id state.JobID, stage string, index int) (state.TaskView, error)
	ListEvents(
		ctx context.Context,
		id state.JobID,
		f state.EventFilter,
	) (state.Page[state.EventView, int64], error)
	LastEvents(ctx context.Context, id state.JobID, most int) ([]state.EventView, error)
	ReadTimes(ctx context.Context, id state.JobID) ([]state.StageTimes, error)
	ReadSlowest(ctx context.Context, id state.JobID) ([]state.TaskSpan, error)
	ListFailures(ctx context.Context, id state.JobID, stage string) ([]state.FailureGroup, error)
	api.QueueReader
	ListDead(
		ctx context.Context,
		q state.Queue,
		f state.DeadFilter,
	) (state.Page[state.DeadView, int64], error)
	DeadReasons(ctx context.Context, q state.Queue) ([]state.DeadReason, error)
	ListSweeps(ctx context.Context, before int64, limit int) (state.Page[state.SweepView, int64], error)
}

// Options make a Server.
type Options struct {
	Reader Reader      // nil: the process cannot work, and every page says why
	Queues *api.Queues // nil: of Reader
	Types  func() []coremachine.JobType
	// until the job's version is another one
	Wait func(ctx context.Context, id state.JobID, since string) (state.Seen, error)
	// nil: what a process that cannot work says
	Health func(ctx context.Context) api.HealthView
	// why the process can do no work
	Problems func() []string
	Version  string // of the build
	// that carries messages
	Transport string
	// of the API; "" is /api
	Prefix string
	// pages arrive with their data: only where nobody asks for keys
	Inline bool
	Log    *slog.Logger // nil discards

	Streams int // most streams at once; 0 is 100
	// after which a stream is ended, below the 230 s of the Azure front end; 0
	// is 200 s
	StreamLife time.Duration
	Heartbeat  time.Duration // between comments on an idle stream; 0 is 15 s
}

// Server answers /ui and /view. Make it with New.
type Server struct {
	Options
	render  *renderer
	assets  *assets
	feeds   feeds
	streams chan struct{}

	counts cache[map[state.JobStatus]int]
	strips cache[strip]
	runs   cache[[]state.JobSummary]
	slow   cache[slowPage]
	times  cache[map[string]spread]
	kinds  cache[[]state.FailureGroup]
	rates  meters

	mu     sync.Mutex
	ended  map[state.JobID]int // tasks that had ended of the jobs seen last
	grown  int                 // and how many more since this process looks
	newest time.Time           // when the newest job seen was made
}

// New makes the server. It starts nothing: readers for streams run while
// somebody watches.
func New(o Options) *Server {
	if o.Prefix == "" {
		o.Prefix = "/api"
	}

	if o.Problems == nil {
		o.Problems = func() []string { return nil }
	}

	if o.Health == nil {
		o.Health = func(context.Context) api.HealthView {
			return api.HealthView{Status: "unavailable", Version: o.Version, Problems: o.Problems()}
		}
	}

	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}

	if o.Queues == nil {
		o.Queues = api.NewQueues(o.Reader)
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

	s := &Server{Options: o, assets: newAssets(), streams: make(chan struct{}, o.Streams)}
	s.render = newRenderer(s)

	return s
}

// Close ends all streams and waits for their readers.
func (s *Server) Close() { s.feeds.close() }

// Mounts are the handlers by their path below the prefix, for
// api.Options.Mounts.
func (s *Server) Mounts() map[string]http.Handler {
	return map[string]http.Handler{
		"/ui": http.HandlerFunc(s.ui), "/view": http.HandlerFunc(s.view), "/docs": http.HandlerFunc(s.docs),
	}
}
