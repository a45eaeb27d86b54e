package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Health is what a process tells of itself. Nothing in it writes.
type Health struct {
	Version  string          // of the build
	Handlers []string        // registered task types
	Ready    func() []string // why the process can do no work, all reasons; none: it can. nil: it can. Must be quick
	Checks   []Check
	Within   time.Duration // what a check may take; 0 is 2 s
}

// Check is one thing to look at.
type Check struct {
	Name     string
	Optional bool // its failure degrades and does not make unavailable
	// Run looks. What it returns is answered as it is; of an error only a state.Error's own message is.
	Run func(ctx context.Context) (detail any, err error)

	running atomic.Bool
}

// checked is one check as answered.
type checked struct {
	Status  string `json:"status"` // ok, failed or timeout
	TookMs  int64  `json:"took_ms"`
	Detail  any    `json:"detail,omitempty"`
	Message string `json:"message,omitempty"`
}

// healthBody is the answer of /health.
type healthBody struct {
	Status   string             `json:"status"` // ok, degraded or unavailable
	Version  string             `json:"version"`
	Jobs     []string           `json:"jobs"`
	Handlers []string           `json:"handlers"`
	Problems []string           `json:"problems"`
	Checks   map[string]checked `json:"checks"`
}

type readyBody struct {
	Status   string   `json:"status"`
	Problems []string `json:"problems"`
}

func (a *API) problems() []string {
	problems := []string{}
	if a.Health.Ready != nil {
		problems = append(problems, a.Health.Ready()...)
	}
	return problems
}

// livez answers while the process lives, whatever has become of the database.
func (a *API) livez(w http.ResponseWriter, r *http.Request) {
	a.ok(w, r, readyBody{Status: "ok", Problems: []string{}})
}

func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	if problems := a.problems(); len(problems) > 0 {
		w.Header().Set("Retry-After", retryUnavailable)
		a.write(w, r, http.StatusServiceUnavailable, "application/json", readyBody{Status: "unavailable", Problems: problems})
		return
	}
	a.ok(w, r, readyBody{Status: "ok", Problems: []string{}})
}

func (a *API) health(w http.ResponseWriter, r *http.Request) {
	body := healthBody{
		Status: "ok", Version: a.Health.Version, Jobs: []string{}, Handlers: append([]string{}, a.Health.Handlers...), Problems: a.problems(),
		Checks: a.check(r.Context()),
	}
	if a.Engine != nil {
		for _, t := range a.Engine.Types() {
			body.Jobs = append(body.Jobs, t.Name)
		}
	}
	failed := len(body.Problems) > 0
	for i := range a.Health.Checks {
		c := &a.Health.Checks[i]
		if body.Checks[c.Name].Status == "ok" {
			continue
		}
		body.Status = "degraded"
		failed = failed || !c.Optional
	}
	if !failed {
		a.ok(w, r, body)
		return
	}
	body.Status = "unavailable"
	w.Header().Set("Retry-After", retryUnavailable)
	a.write(w, r, http.StatusServiceUnavailable, "application/json", body)
}

// check runs all checks at once and answers within their time, whatever they do.
func (a *API) check(ctx context.Context) map[string]checked {
	within := a.Health.Within
	if within == 0 {
		within = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	results := make([]checked, len(a.Health.Checks))
	var all sync.WaitGroup
	for i := range a.Health.Checks {
		all.Go(func() { results[i] = a.checkOne(ctx, &a.Health.Checks[i]) })
	}
	all.Wait()
	byName := make(map[string]checked, len(results))
	for i := range results {
		byName[a.Health.Checks[i].Name] = results[i]
	}
	return byName
}

// checkOne gives up at the deadline even where the check does not; one that still hangs is not begun again.
func (a *API) checkOne(ctx context.Context, c *Check) checked {
	if !c.running.CompareAndSwap(false, true) {
		return checked{Status: "timeout", Message: "it has not come back since it was last asked"}
	}
	begin := time.Now()
	done := make(chan checked, 1)
	go func() {
		defer c.running.Store(false)
		detail, err := c.Run(ctx)
		done <- a.outcome(ctx, c, detail, err)
	}()
	select {
	case res := <-done:
		res.TookMs = time.Since(begin).Milliseconds()
		return res
	case <-ctx.Done():
		return checked{Status: "timeout", TookMs: time.Since(begin).Milliseconds(), Message: "no answer in time"}
	}
}

func (a *API) outcome(ctx context.Context, c *Check, detail any, err error) checked {
	if err == nil {
		return checked{Status: "ok", Detail: detail}
	}
	a.Log.LogAttrs(ctx, slog.LevelWarn, "a health check failed", slog.String("check", c.Name), slog.Any(keys.Error, err))
	res := checked{Status: "failed", Detail: detail, Message: "it failed; the log has the cause"}
	if e, ok := errors.AsType[*state.Error](err); ok {
		res.Message = e.Msg
	}
	if ctx.Err() != nil {
		res.Status = "timeout"
	}
	return res
}
