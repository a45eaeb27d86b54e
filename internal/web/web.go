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
	"coremachine/internal/view"
)

// Reader reads records. Each call is bounded regardless of the size of a job.
// repo.Repo implements it.
type Reader interface {
	ReadJob(ctx context.Context, id state.JobID) (view.JobView, error)
	ListJobs(ctx context.Context, f view.JobFilter) (view.Page[view.JobSummary, view.JobCursor], error)
	JobCounts(ctx context.Context, f view.JobFilter) ([]view.JobCount, error)
	ListTasks(
		ctx context.Context,
		id state.JobID,
		f view.TaskFilter,
	) (view.Page[view.TaskSummary, view.TaskCursor], error)
	ReadGrid(ctx context.Context, id state.JobID, stage string) (view.GridView, error)
	ReadTask(ctx context.Context, id state.JobID, stage string, index int) (view.TaskView, error)
	ReadTaskLogs(ctx context.Context, id state.JobID, stage string, index int) ([]view.TaskLogView, error)
	ListEvents(
		ctx context.Context,
		id state.JobID,
		f view.EventFilter,
	) (view.Page[view.EventView, int64], error)
	ListSchedules(ctx context.Context) ([]view.ScheduleView, error)
	ReadSchedule(ctx context.Context, name string) (view.ScheduleDetail, error)
	LastEvents(ctx context.Context, id state.JobID, limit int) ([]view.EventView, error)
	ReadTimes(ctx context.Context, id state.JobID) ([]view.StageTimes, error)
	ReadSlowest(ctx context.Context, id state.JobID) ([]view.TaskSpan, error)
	ListFailures(ctx context.Context, id state.JobID, stage string) ([]view.FailureGroup, error)
	api.QueueReader
	ListDead(
		ctx context.Context,
		q state.Queue,
		f view.DeadFilter,
	) (view.Page[view.DeadView, int64], error)
	DeadReasons(ctx context.Context, q state.Queue) ([]view.DeadReason, error)
	ListSweeps(ctx context.Context, before int64, limit int) (view.Page[view.SweepView, int64], error)
	ReadTrends(ctx context.Context, f view.TrendFilter) (view.TrendsView, error)
	ListRuns(ctx context.Context, id state.JobID) ([]view.RunView, error)
}

// Options configure a Server.
type Options struct {
	Reader Reader      // nil means that the process cannot work, and every page says why
	Queues *api.Queues // nil means a new Queues over Reader
	Types  func() []coremachine.JobType
	// Wait waits until the version of the job differs from since.
	Wait func(ctx context.Context, id state.JobID, since string) (view.Seen, error)
	// Health returns the state of the process. nil means the state of a process
	// that cannot work.
	Health func(ctx context.Context) api.HealthView
	// Problems returns the reasons why the process cannot work.
	Problems func() []string
	Version  string // version of the build
	// Transport is the transport that carries messages.
	Transport string
	// Inputs computes the inputs of tasks that are not stored. nil means that
	// they are not shown.
	Inputs api.Inputs
	// TraceURL is the link template to the log system.
	TraceURL view.TraceURL
	// Callbacks means that a submit may name a callback URL.
	Callbacks bool
	// Prefix is the path of the API; "" means /api.
	Prefix string
	// Inline makes pages contain their data. Use it only if no keys are
	// required.
	Inline bool
	Log    *slog.Logger // nil discards the log

	Streams int // maximum number of concurrent event streams; 0 means 100
	// StreamLife is the duration after which a stream is ended. It must be
	// below the 230 s of the Azure front end. 0 means 200 s.
	StreamLife time.Duration
	// Heartbeat is the interval between beats on an idle stream. After twice the
	// default, app.js considers the stream as broken. 0 means 10 s.
	Heartbeat time.Duration
}

// Server answers /ui and /view. Use New to create one.
type Server struct {
	Options
	render  *renderer
	assets  *assets
	feeds   feeds
	streams chan struct{}

	counts cache[map[state.JobStatus]int]
	strips cache[strip]
	trends cache[view.TrendsView]
	runs   cache[[]view.JobSummary]
	slow   cache[slowPage]
	times  cache[map[string]spread]
	kinds  cache[[]view.FailureGroup]
	rates  meters

	mu     sync.Mutex
	ended  map[state.JobID]int // number of ended tasks of the jobs in the last reading
	grown  int                 // growth of that number since the process started to read
	newest time.Time           // creation time of the newest job in the last reading
}

// New returns a server. It starts no goroutines: the readers of streams run
// while there are viewers.
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
		o.Heartbeat = 10 * time.Second
	}

	s := &Server{Options: o, assets: newAssets(), streams: make(chan struct{}, o.Streams)}
	s.render = newRenderer(s)

	return s
}

// Close ends all streams and waits for their readers.
func (s *Server) Close() { s.feeds.close() }

// Mounts returns the handlers by their path below the prefix, for
// api.Options.Mounts.
func (s *Server) Mounts() map[string]http.Handler {
	return map[string]http.Handler{
		"/ui": compress(s.ui), "/view": compress(s.view), "/docs": compress(s.docs),
	}
}
