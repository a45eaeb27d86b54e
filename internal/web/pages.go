package web

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"coremachine/internal/api"
)

// page is one page. Its body is the template with its name, in the file with
// its name.
type page struct {
	name   string
	path   string   // below /ui and /view; a segment in braces is a parameter
	nav    string   // navigation item that is highlighted
	query  []string // query parameters that the page accepts
	pace   time.Duration
	bare   bool // the content is a fragment of another page
	free   bool // load checks the query parameters itself
	always bool // shown even if the process cannot work
	load   func(ctx context.Context, s *Server, in *input) (content, error)
	// raw replaces load for JSON, which is served below /view only.
	raw func(ctx context.Context, s *Server, in *input) (json.RawMessage, error)
}

// pages lists all pages. A literal segment comes before a parameter at the same
// position.
var pages = []page{
	{
		name:  "jobs",
		path:  "",
		nav:   "jobs",
		query: append([]string{"status", "type", "since", "id", "cursor"}, api.TermPrefixes...),
		pace:  time.Second,
		load:  loadJobs,
	},
	{
		name:  "job-history",
		path:  "jobs/{id}/events",
		nav:   "jobs",
		query: []string{"kind", "stage", "cursor"},
		load:  loadEvents,
	},
	{name: "job-failures", path: "jobs/{id}/failures", nav: "jobs", load: loadFailures},
	{path: "jobs/{id}/parameters", raw: loadParameters},
	{path: "jobs/{id}/result", raw: loadResult},
	{
		name:  "stage",
		path:  "jobs/{id}/stages/{stage}",
		nav:   "jobs",
		query: []string{"view", "status", "error", "from", "to", "cursor"},
		pace:  time.Second,
		load:  loadStage,
	},
	{name: "grid", path: "jobs/{id}/stages/{stage}/grid", nav: "jobs", bare: true, load: loadGrid},
	{name: "runs", path: "jobs/{id}/runs/{attempt}", nav: "jobs", load: loadRuns},
	{name: "compare", path: "jobs/{id}/compare", nav: "jobs", query: []string{"with"}, load: loadCompare},
	{name: "slow", path: "jobs/{id}/slow", nav: "jobs", bare: true, load: loadSlow},
	{
		name:  "job",
		path:  "jobs/{id}",
		nav:   "jobs",
		query: []string{"stage"},
		pace:  500 * time.Millisecond,
		load:  loadJob,
	},
	{
		name: "task",
		path: "jobs/{id}/stages/{stage}/tasks/{index}",
		nav:  "jobs",
		pace: 500 * time.Millisecond,
		load: loadTask,
	},
	{path: "jobs/{id}/stages/{stage}/tasks/{index}/input", raw: loadTaskInput},
	{path: "jobs/{id}/stages/{stage}/tasks/{index}/result", raw: loadTaskResult},
	{path: "jobs/{id}/stages/{stage}/tasks/{index}/logs", raw: loadTaskLogs},
	{name: "types", path: "types", nav: "types", pace: 5 * time.Second, load: loadTypes},
	{name: "type", path: "types/{type}", nav: "types", free: true, load: loadType},
	{name: "schedules", path: "schedules", nav: "schedules", pace: 2 * time.Second, load: loadSchedules},
	{name: "schedule", path: "schedules/{schedule}", nav: "schedules", pace: 2 * time.Second, load: loadSchedule},
	{
		name:  "trends",
		path:  "trends",
		nav:   "trends",
		query: []string{"window", "type"},
		pace:  5 * time.Second,
		load:  loadTrends,
	},
	{name: "queues", path: "queues", nav: "queues", pace: 2 * time.Second, load: loadQueues},
	{
		name:  "dead",
		path:  "queues/{queue}/dead",
		nav:   "queues",
		query: []string{"reason", "cursor"},
		pace:  2 * time.Second,
		load:  loadDead,
	},
	{
		name:  "sweeps",
		path:  "sweeps",
		nav:   "sweeps",
		query: []string{"cursor"},
		pace:  5 * time.Second,
		load:  loadSweeps,
	},
	{name: "health", path: "health", nav: "health", pace: 5 * time.Second, load: loadHealth, always: true},
}

// content is what a page shows at one moment.
type content struct {
	Title   string
	Data    any      // data of the body and of each part without data of its own
	Parts   []part   // live parts, in the order in which they are sent
	Version string   // opaque version of the data; it begins the ids of the stream's messages
	Ended   bool     // the content can no longer change
	Say     []string // announcements for screen readers when they are new: short sentences that stay true
	Missing bool     // the requested record does not exist: the page says so and has status 404

	template string // template of the body, if it is not the page's own
	// wait returns when there may be a change. nil means that only the pace of
	// the page applies.
	wait func(ctx context.Context)
}

// part is a live part of a page: an element with the id ID, rendered by
// Template, or by the template ID if Template is empty.
type part struct {
	ID       string
	Template string
	Data     any
	Sig      string // if not empty, the part is sent when Sig changes and not when its rendering changes
}

// input is a request for a page.
type input struct {
	page   *page
	params map[string]string // parameters of the path
	query  url.Values
	path   string // below /ui, escaped
	root   string // URL of the service, as the browser sees it
	raw    string // the original query, without the parameters of the Functions host
}

// key identifies the content. Viewers with the same key share one reading.
func (in *input) key() string { return in.path + "?" + in.query.Encode() }

// match finds the page for a path that was split at slashes and unescaped.
func match(segments []string) (*page, map[string]string) {
	for i := range pages {
		if params, ok := pages[i].match(segments); ok {
			return &pages[i], params
		}
	}

	return nil, nil
}

func (p *page) match(segments []string) (map[string]string, bool) {
	var pattern []string
	if p.path != "" {
		pattern = strings.Split(p.path, "/")
	}

	if len(pattern) != len(segments) {
		return nil, false
	}

	params := map[string]string{}

	for i, want := range pattern {
		if name, ok := strings.CutPrefix(want, "{"); ok {
			params[strings.TrimSuffix(name, "}")] = segments[i]
		} else if want != segments[i] {
			return nil, false
		}
	}

	return params, true
}
