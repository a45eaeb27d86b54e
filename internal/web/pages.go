package web

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// page is one page. Its body is the template of its name, in the file of its
// name.
type page struct {
	name   string
	path   string   // below /ui and /view; a segment in braces is a parameter
	nav    string   // the item of the navigation that it belongs to
	query  []string // parameters that it takes
	pace   time.Duration
	bare   bool // its content is a piece of another page
	free   bool // its load checks the query parameters
	always bool // it is shown by a process that cannot work, too
	load   func(ctx context.Context, s *Server, in *input) (content, error)
	// instead of load: JSON, below /view only
	raw func(ctx context.Context, s *Server, in *input) (json.RawMessage, error)
}

// pages are all there are. A literal segment stands before a parameter at the
// same place.
var pages = []page{
	{
		name:  "jobs",
		path:  "",
		nav:   "jobs",
		query: []string{"status", "type", "since", "id", "cursor"},
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
	{name: "types", path: "types", nav: "types", pace: 5 * time.Second, load: loadTypes},
	{name: "type", path: "types/{type}", nav: "types", free: true, load: loadType},
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
	Data    any      // of the body and of each part without data of its own
	Parts   []part   // live, in the order in which they are sent
	Version string   // of what was read, opaque; it begins the id of the stream's messages
	Ended   bool     // nothing will change any more
	Say     []string // what a screen reader is told when it is new: short sentences that stay true
	Missing bool     // what was asked for is not there: the page says so, with 404

	template string                    // of the body, where it is not the page's own
	wait     func(ctx context.Context) // until there may be something new; nil: the pace alone
}

// part is a live piece of a page: an element whose id is ID, rendered by the
// template Template (ID where it is empty).
type part struct {
	ID       string
	Template string
	Data     any
	Sig      string // where not empty, the part is sent when Sig changes, not when its rendering does
}

// input is a request for a page.
type input struct {
	page   *page
	params map[string]string // of the path
	query  url.Values
	path   string // below /ui, escaped
	root   string // where the service is, as the browser sees it
	raw    string // the query as it came, without the host's own parameters
}

// key names the content: viewers of the same key share one reading.
func (in *input) key() string { return in.path + "?" + in.query.Encode() }

// match finds the page of a path, split at slashes and unescaped.
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
