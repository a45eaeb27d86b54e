package coremachinetest

import (
	"net/http/httptest"
	"testing"

	"coremachine"
	"coremachine/internal/api"
	"coremachine/internal/handlers"
	"coremachine/internal/state"
	"coremachine/internal/test/blobfake"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// Engine runs jobs. Run submits a job and waits for its end.
type Engine = enginetest.Engine

// Job is a job that has ended, with its stages and its result.
type Job = enginetest.Job

// Status is the status of a job.
type Status = state.JobStatus

// The final statuses of jobs.
const (
	// Completed is the status of a job whose tasks all completed.
	Completed = state.JobCompleted
	// CompletedWithErrors is the status of a job with failed tasks that its
	// stages tolerate.
	CompletedWithErrors = state.JobCompletedWithErrors
	// Failed is the status of a job that failed.
	Failed = state.JobFailed
	// Cancelled is the status of a job that was cancelled.
	Cancelled = state.JobCancelled
)

// Tasks for tests that call a handler without the engine, by its Run method.
type (
	// TaskSpec describes a task for NewTask.
	TaskSpec = handlers.TaskSpec
	// Lineage gives a task access to the results of earlier stages.
	Lineage = handlers.Lineage
	// StoredResult is one result that a Lineage returns.
	StoredResult = handlers.StoredResult
)

// NewTask returns a task for a handler.
func NewTask(s TaskSpec) coremachine.Task { return handlers.NewTask(s) }

// Blobs is blob storage in memory that enforces the limits of Azure. Pass it to
// NewTask, or to Start with WithBlobs. Its fields Before and After make requests
// fail, or lose their answers.
type Blobs = blobfake.Account

// BlobRequest is one request to Blobs.
type BlobRequest = blobfake.Request

// NewBlobs returns storage with empty containers.
func NewBlobs(containers ...string) *Blobs { return blobfake.New(containers...) }

// Main is the body of a package's TestMain. It runs the tests, fails them if
// goroutines leak, and releases the Postgres server.
func Main(m *testing.M) { pgtest.Main(m) }

// Option adds to what Start runs.
type Option func(*enginetest.Options)

// WithSchedules checks the declarations of schedules and runs them.
func WithSchedules(schedules map[string]coremachine.Schedule) Option {
	return func(o *enginetest.Options) { o.Schedules = schedules }
}

// WithBlobs runs the handlers with this storage.
func WithBlobs(blobs coremachine.Blobs) Option {
	return func(o *enginetest.Options) { o.Deps.Blobs = blobs }
}

// Start checks the maps like a process does, and starts the engine.
func Start(
	t testing.TB,
	j map[string]coremachine.Job,
	h map[string]coremachine.Handler,
	options ...Option,
) *Engine {
	t.Helper()

	o := enginetest.Options{Jobs: j, Handlers: h}
	for _, option := range options {
		option(&o)
	}

	return enginetest.Start(t, o)
}

// NewClient serves the API of an engine and returns a client of it.
func NewClient(t testing.TB, e *Engine) *coremachine.Client {
	t.Helper()

	p := e.Process(0)
	watcher := api.NewJobWatcher(p.Repo.ReadVersions, nil)
	server := httptest.NewServer(api.New(api.Options{
		Engine: p.Machine, Reader: p.Repo, JobWatcher: watcher, Inputs: p.Machine,
	}))

	client, err := coremachine.NewClient(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		client.Close()
		watcher.Close()
		server.Close()
	})

	return client
}

// NewSubmitter returns a submitter of jobs for the transactions of a test. Begin
// them on the Pool of the engine, or on a connection to its URL.
func NewSubmitter(
	t testing.TB,
	e *Engine,
	j map[string]coremachine.Job,
	h map[string]coremachine.Handler,
) *coremachine.Submitter {
	t.Helper()

	var schema string
	if err := e.Pool().QueryRow(t.Context(), "select current_schema()").Scan(&schema); err != nil {
		t.Fatal(err)
	}

	s, err := coremachine.NewSubmitter(j, h, schema)
	if err != nil {
		t.Fatal(err)
	}

	return s
}
