package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"coremachine/internal/singleflight"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
	"coremachine/internal/view"
)

// Health reports the state of a process. It only reads.
type Health struct {
	Version string    // version of the build
	Commit  string    // commit of the build; empty if not known
	Started time.Time // start time of the process
	// Transport carries messages. It is empty if the start failed before it.
	Transport string
	Handlers  []string // registered task types
	// Ready returns all reasons why the process cannot work. No reasons means
	// that it can work, and so does a nil function. It must return quickly.
	Ready  func() []string
	Checks []Check
	Within time.Duration // time limit of all checks; 0 means 2 s
}

// Check is one check of the process's health.
type Check struct {
	Name     string
	Optional bool // a failure means "degraded" and not "unavailable"
	Runbook  view.Runbook
	// Run performs the check. Its detail becomes part of the answer. Of an
	// error, only the message of a state.Error does.
	Run func(ctx context.Context) (detail any, err error)

	runs singleflight.Group[CheckView] // concurrent requests share one run

	mu    sync.Mutex
	last  string // status of the last run
	since time.Time
}

// CheckView is the answer for one check.
type CheckView struct {
	Status   string    `json:"status"` // ok, failed or timeout
	Optional bool      `json:"optional"`
	TookMs   int64     `json:"took_ms"`
	Since    time.Time `json:"since"` // when this process first saw the current status
	Detail   any       `json:"detail,omitempty"`
	Message  string    `json:"message,omitempty"`
	Runbook  string    `json:"runbook,omitempty"` // runbook entry; empty if the status is ok
}

// HealthView is the answer of /health.
type HealthView struct {
	Status    string               `json:"status"` // ok, degraded or unavailable
	Version   string               `json:"version"`
	Commit    string               `json:"commit"`
	Transport string               `json:"transport"`
	Started   time.Time            `json:"started_at"`
	Jobs      []string             `json:"jobs"`
	Handlers  []string             `json:"handlers"`
	Problems  []string             `json:"problems"`
	Checks    map[string]CheckView `json:"checks"`
}

type readyBody struct {
	Status   string   `json:"status"`
	Problems []string `json:"problems"`
}

func (h *Health) problems() []string {
	problems := []string{}
	if h.Ready != nil {
		problems = append(problems, h.Ready()...)
	}

	return problems
}

// livez answers while the process is alive, regardless of the database.
func (a *API) livez(w http.ResponseWriter, r *http.Request) {
	a.ok(w, r, readyBody{Status: "ok", Problems: []string{}})
}

func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	if problems := a.Health.problems(); len(problems) > 0 {
		w.Header().Set("Retry-After", retryUnavailable)
		a.write(w, r, http.StatusServiceUnavailable, readyBody{Status: "unavailable", Problems: problems})

		return
	}

	a.ok(w, r, readyBody{Status: "ok", Problems: []string{}})
}

func (a *API) health(w http.ResponseWriter, r *http.Request) {
	var jobs []string

	if a.Engine != nil {
		for _, t := range a.Engine.Types() {
			jobs = append(jobs, t.Name)
		}
	}

	body := a.Health.Look(r.Context(), jobs, a.Log)
	if body.Status != "unavailable" {
		a.ok(w, r, body)
		return
	}

	w.Header().Set("Retry-After", retryUnavailable)
	a.write(w, r, http.StatusServiceUnavailable, body)
}

// Look runs all checks and reports what the process can do. If a check is
// already running, Look waits for that run, so that a check never runs twice at
// the same time.
func (h *Health) Look(ctx context.Context, jobs []string, log *slog.Logger) HealthView {
	view := HealthView{
		Status:    "ok",
		Version:   h.Version,
		Commit:    h.Commit,
		Transport: h.Transport,
		Started:   h.Started.UTC(),
		Jobs:      append([]string{}, jobs...),
		Handlers:  append([]string{}, h.Handlers...),
		Problems:  h.problems(),
		Checks:    h.check(ctx, log),
	}
	failed := len(view.Problems) > 0

	for i := range h.Checks {
		c := &h.Checks[i]
		if view.Checks[c.Name].Status == "ok" {
			continue
		}

		view.Status = "degraded"
		failed = failed || !c.Optional
	}

	if failed {
		view.Status = "unavailable"
	}

	return view
}

// check runs all checks concurrently and returns within their time limit, even
// if a check does not return.
func (h *Health) check(ctx context.Context, log *slog.Logger) map[string]CheckView {
	within := h.Within
	if within == 0 {
		within = 2 * time.Second
	}

	results := make([]CheckView, len(h.Checks))

	var all sync.WaitGroup

	for i := range h.Checks {
		c := &h.Checks[i]

		all.Go(func() { results[i] = c.noted(c.look(ctx, within, log)) })
	}

	all.Wait()

	byName := make(map[string]CheckView, len(results))
	for i := range results {
		byName[h.Checks[i].Name] = results[i]
	}

	return byName
}

// noted adds the time since which the check has had its status.
func (c *Check) noted(v CheckView) CheckView {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.last != v.Status {
		c.last, c.since = v.Status, time.Now().UTC()
	}

	v.Since, v.Optional = c.since, c.Optional
	if v.Status != "ok" {
		v.Runbook = c.Runbook.String()
	}

	return v
}

// look returns at the deadline even if the check does not. A check that still
// hangs is not started again.
func (c *Check) look(ctx context.Context, within time.Duration, log *slog.Logger) CheckView {
	begin := time.Now()

	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()

	res, err := c.runs.Do(ctx, "", within, func(ctx context.Context) (CheckView, error) {
		detail, err := c.Run(ctx)
		return c.outcome(ctx, log, detail, err), nil
	})
	if err != nil { // ctx ended first
		res = CheckView{Status: "timeout", Message: "timeout"}
	}

	res.TookMs = time.Since(begin).Milliseconds()

	return res
}

func (c *Check) outcome(ctx context.Context, log *slog.Logger, detail any, err error) CheckView {
	if err == nil {
		return CheckView{Status: "ok", Detail: detail}
	}

	log.LogAttrs(
		ctx,
		slog.LevelWarn,
		"a health check failed",
		slog.String("check", c.Name),
		slog.Any(keys.Error, err),
	)

	res := CheckView{Status: "failed", Detail: detail, Message: "the check failed: see the log"}
	if e, ok := errors.AsType[*state.Error](err); ok {
		res.Message = e.Msg
	}

	if ctx.Err() != nil {
		res.Status = "timeout"
	}

	return res
}
