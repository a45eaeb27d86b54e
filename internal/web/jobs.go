package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/state"
)

// jobsPage is the data of the template "jobs".
type jobsPage struct {
	Tabs    []tab
	Strip   strip
	Rows    []jobRow
	Order   string // of the rows, to see one come or go
	Types   []string
	Type    string
	Since   string
	ID      string
	Status  string // as in the address
	Older   string // address of the next page
	Newer   string // address of the page before, on others than the first
	Newest  string // address of the first page, where Newer is another one
	First   string // address of the first page
	Seen    string // cursor of what is new since the list was read; empty: there was no job
	None    bool   // there is no job at all
	Filter  string // the filters in words, where they hide everything
	Clear   string // address without filters
	Try     string // a job type to begin with
	Ages    []age
	Filters bool   // there are some
	Query   string // of the list of the API with the same filters
}

// tab is a status to filter by.
type tab struct {
	Text, URL, Count, Class string
	Current                 bool
}

// jobRow is a job as the list shows it.
type jobRow struct {
	state.JobSummary
	Shown string // its status in a word of looks
	Bar   []slice
	Done  int
}

// tabs in the order of the page. An empty status is all.
var jobTabs = []struct {
	text   string
	status state.JobStatus
}{
	{"All", ""},
	{"Running", state.JobRunning},
	{"Queued", state.JobQueued},
	{"Failed", state.JobFailed},
	{"With errors", state.JobCompletedWithErrors},
	{"Completed", state.JobCompleted},
	{"Cancelled", state.JobCancelled},
}

// age is a choice of the filter by age.
type age struct{ Value, Text string }

var ages = []age{{"", "Any time"}, {"1h", "Last hour"}, {"24h", "Last 24 hours"}, {"168h", "Last 7 days"}}

func loadJobs(ctx context.Context, s *Server, in *input) (content, error) {
	f, err := api.ReadJobFilter(in.raw)
	if err != nil {
		return content{}, err
	}

	page, err := s.Reader.ListJobs(ctx, f)
	if err != nil {
		return content{}, err
	}

	counts, err := s.jobCounts(ctx, f)
	if err != nil {
		return content{}, err
	}

	now, err := s.strip(ctx)
	if err != nil {
		return content{}, err
	}

	p := jobsPage{
		Strip:  now,
		Type:   f.Type,
		Since:  in.query.Get("since"),
		ID:     f.IDPrefix,
		Status: strings.Join(in.query["status"], ","),
		Ages:   ages,
		Clear:  s.Prefix + "/ui",
		Rows:   make([]jobRow, len(page.Items)),
	}

	p.Tabs = s.jobTabs(in, f, counts)
	for _, t := range s.Types() {
		p.Types = append(p.Types, t.Name)
	}

	if f.Type != "" && !slices.Contains(p.Types, f.Type) {
		p.Types = append(p.Types, f.Type) // of jobs of an older build
	}

	if len(p.Types) > 0 {
		p.Try = p.Types[0]
	}

	var order strings.Builder

	parts := []part{{ID: "tabs"}, {ID: "strip"}, {ID: "rows"}}

	for i, job := range page.Items {
		p.Rows[i] = jobRow{
			JobSummary: job,
			Shown:      shownStatus(job),
			Bar:        stack(job.Tasks, 120),
			Done:       done(job.Tasks),
		}
		parts = append(parts, part{ID: "job-" + job.JobID.String(), Template: "row", Data: p.Rows[i]})
		order.WriteString(job.JobID.String())
	}

	p.Order = order.String()
	parts[2].Sig = "order " + p.Order
	filters := without(in.query, "cursor")

	p.Query, p.Filters = filters.Encode(), len(filters) > 0
	if page.Next != nil {
		p.Older = s.Prefix + "/ui?" + with(filters, "cursor", *api.JobCursor(page.Next)).Encode()
	}

	p.First = s.listed(filters)
	newest := page.Prev

	if f.After != nil || f.Before != nil {
		parts = nil

		if newest, err = s.pageBefore(ctx, f, page.Prev, filters, &p); err != nil {
			return content{}, err
		}
	}

	if newest != nil {
		p.Seen = *api.NewerCursor(newest)
	}

	if len(p.Rows) == 0 {
		p.None = len(filters) == 0 && p.Newer == ""
		p.Filter = inWords(filters)
	}

	return content{Title: "Jobs", Data: p, Parts: parts}, nil
}

// pageBefore fills in where the page before is: the first page, unless more
// than a page of jobs stands before begin. It returns what the whole list
// begins with.
func (s *Server) pageBefore(
	ctx context.Context,
	f state.JobFilter,
	begin *state.JobCursor,
	filters url.Values,
	p *jobsPage,
) (*state.JobCursor, error) {
	p.Newer = p.First

	if begin != nil {
		before := f
		before.After, before.Before, before.Limit = nil, begin, f.Limit+1

		page, err := s.Reader.ListJobs(ctx, before)
		if err != nil {
			return nil, err
		}

		if len(page.Items) > f.Limit {
			p.Newer = s.Prefix + "/ui?" + with(filters, "cursor", *api.NewerCursor(begin)).Encode()
			p.Newest = p.First
		}
	}

	f.After, f.Before, f.Limit = nil, nil, 1
	page, err := s.Reader.ListJobs(ctx, f)

	return page.Prev, err
}

// shownStatus is the status of a job with what is known of where it goes.
func shownStatus(job state.JobSummary) string {
	switch {
	case job.Status.Ended():
		return string(job.Status)
	case job.Error != nil:
		return "failing"
	case job.CancelRequestedAt != nil:
		return "cancelling"
	}

	return string(job.Status)
}

func (s *Server) listed(filters url.Values) string {
	if len(filters) == 0 {
		return s.Prefix + "/ui"
	}

	return s.Prefix + "/ui?" + filters.Encode()
}

// jobTabs shows counts where they count what the list shows: nothing counts by
// id.
func (s *Server) jobTabs(in *input, f state.JobFilter, counts map[state.JobStatus]int) []tab {
	rest := without(in.query, "cursor", "status")

	all := 0
	for _, n := range counts {
		all += n
	}

	tabs := make([]tab, len(jobTabs))
	for i, t := range jobTabs {
		tabs[i] = tab{Text: t.text, URL: s.listed(rest), Current: len(f.Statuses) == 0 && t.status == ""}

		n := all
		if t.status != "" {
			n = counts[t.status]
			tabs[i].URL = s.listed(with(rest, "status", string(t.status)))
			tabs[i].Current = slices.Contains(f.Statuses, t.status)
		}

		if f.IDPrefix == "" {
			tabs[i].Count = capped(n)
		}

		if t.status == state.JobFailed && n > 0 {
			tabs[i].Class = "bad"
		}
	}

	return tabs
}

// capped writes a count that ends at state.MaxDepth.
func capped(n int) string {
	if n >= state.MaxDepth {
		return num(state.MaxDepth) + "+"
	}

	return num(n)
}

func with(v url.Values, name, value string) url.Values {
	out := without(v)
	out.Set(name, value)

	return out
}

func without(v url.Values, names ...string) url.Values {
	out := url.Values{}
	for k, all := range v {
		out[k] = append([]string(nil), all...)
	}

	for _, name := range names {
		out.Del(name)
	}

	return out
}

// inWords says what is filtered by.
func inWords(filters url.Values) string {
	var said []string

	for _, f := range []struct{ name, say string }{{"status", "status"}, {"type", "type"}, {"since", "younger than"}, {"id", "an id that begins with"}} {
		if v := strings.Join(filters[f.name], ", "); v != "" {
			said = append(said, f.say+" "+v)
		}
	}

	return strings.Join(said, ", ")
}

// jobCounts counts what the list would show without a status.
func (s *Server) jobCounts(ctx context.Context, f state.JobFilter) (map[state.JobStatus]int, error) {
	f = state.JobFilter{Type: f.Type, Since: f.Since, Until: f.Until}

	return s.counts.get(
		ctx,
		fmt.Sprintf("%+v", f),
		900*time.Millisecond,
		func(ctx context.Context) (map[state.JobStatus]int, error) {
			list, err := s.Reader.JobCounts(ctx, f)

			counts := map[state.JobStatus]int{}
			for _, c := range list {
				counts[c.Status] = c.Count
			}

			return counts, err
		},
	)
}
