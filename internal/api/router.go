package api

import (
	_ "embed"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"coremachine/internal/state"
)

// The description consists of three files, which form one document when
// concatenated.
var (
	//go:embed openapi.yaml
	paths []byte
	//go:embed openapi_operate.yaml
	operatePaths []byte
	//go:embed openapi_components.yaml
	components []byte

	description = slices.Concat(paths, operatePaths, components)
)

// OpenAPI returns the description of the API, OpenAPI 3.0 in YAML.
func OpenAPI() []byte { return description }

// route is one row of the table of routes.
type route struct {
	method, path string
	handler      http.HandlerFunc
}

func (a *API) router() chi.Router {
	r := chi.NewRouter()
	r.Use(identify, a.observe, a.guard, middleware.GetHead)
	r.NotFound(a.notFound)
	r.MethodNotAllowed(a.wrongMethod(r))

	for _, one := range []route{
		{http.MethodGet, "/health", a.health},
		{http.MethodGet, "/livez", a.livez},
		{http.MethodGet, "/readyz", a.readyz},
		{http.MethodGet, "/openapi.yaml", a.openapi},
	} {
		r.Method(one.method, a.Prefix+one.path, one.handler)
	}

	for _, one := range []route{
		{http.MethodPost, "/jobs/submit/{job_type}", a.submit},
		{http.MethodGet, "/jobs/status/{job_id}", a.status},
		{http.MethodPost, "/jobs/cancel/{job_id}", a.cancel},
		{http.MethodPost, "/jobs/retry/{job_id}", a.retry},
		{http.MethodPost, "/jobs/start/{job_id}", a.start},
		{http.MethodDelete, "/jobs/{job_id}", a.remove},
		{http.MethodPatch, "/jobs/{job_id}/tags", a.editTags},
		{http.MethodGet, "/jobs", a.jobs},
		{http.MethodGet, "/jobs/counts", a.jobCounts},
		{http.MethodGet, "/jobs/types", a.types},
		{http.MethodGet, "/jobs/{job_id}/tasks", a.tasks},
		{http.MethodGet, "/jobs/{job_id}/tasks/{stage}/{index}", a.task},
		{http.MethodGet, "/jobs/{job_id}/tasks/{stage}/{index}/logs", a.taskLogs},
		{http.MethodGet, "/jobs/{job_id}/stages/{stage}/grid", a.grid},
		{http.MethodGet, "/jobs/{job_id}/failures", a.failures},
		{http.MethodGet, "/jobs/{job_id}/times", a.times},
		{http.MethodGet, "/jobs/{job_id}/runs", a.runs},
		{http.MethodGet, "/jobs/{job_id}/compare", a.compare},
		{http.MethodGet, "/jobs/{job_id}/pictures/{picture}", a.picture},
		{http.MethodGet, "/jobs/{job_id}/slowest", a.slowest},
		{http.MethodGet, "/jobs/{job_id}/events", a.events},
		{http.MethodGet, "/jobs/{job_id}/stream", a.stream},
		{http.MethodGet, "/schedules", a.schedules},
		{http.MethodGet, "/schedules/{schedule}", a.schedule},
		{http.MethodPost, "/schedules/{schedule}/pause", a.pauseSchedule},
		{http.MethodPost, "/schedules/{schedule}/resume", a.resumeSchedule},
		{http.MethodPost, "/schedules/{schedule}/trigger", a.triggerSchedule},
		{http.MethodPost, "/schedules/{schedule}/backfill", a.backfillSchedule},
		{http.MethodGet, "/sweeps", a.sweeps},
		{http.MethodPost, "/sweeps", a.sweep},
		{http.MethodPost, "/notifications/sample", a.sendSample},
		{http.MethodGet, "/trends", a.trends},
		{http.MethodGet, "/queues", a.queues},
		{http.MethodGet, "/queues/{queue}/dead", a.dead},
		{http.MethodGet, "/queues/{queue}/dead/reasons", a.deadReasons},
		{http.MethodPost, "/queues/{queue}/redrive", a.redrive},
	} {
		r.Method(one.method, a.Prefix+one.path, a.working(one.handler))
	}

	for path, handler := range a.Mounts {
		for _, p := range []string{path, path + "/*"} {
			r.Method(http.MethodGet, a.Prefix+p, handler)
		}
	}

	return r
}

// working rejects requests that need an engine if there is none.
func (a *API) working(next http.HandlerFunc) http.HandlerFunc {
	if a.Engine != nil && a.Reader != nil && a.JobWatcher != nil {
		return next
	}

	return func(w http.ResponseWriter, r *http.Request) {
		a.fail(
			w,
			r,
			state.Errorf(state.CodeUnavailable, "api", "The service is not ready: see %s/readyz.", a.Prefix),
		)
	}
}

func (a *API) openapi(w http.ResponseWriter, r *http.Request) {
	if err := readQuery(r).err(); err != nil {
		a.fail(w, r, err)
		return
	}

	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(description) // the client may have disconnected
}
