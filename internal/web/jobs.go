package web

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// jobsPage is the data of the template "jobs".
type jobsPage struct {
	Tabs    []tab
	Strip   strip
	Rows    []jobRow
	Order   string // ids of the rows, to detect that rows were added or removed
	Types   []string
	Type    string
	Since   string
	ID      string
	Status  string // as in the URL
	Older   string // URL of the next page
	Newer   string // URL of the previous page; empty on the first page
	Newest  string // URL of the first page, if it differs from Newer
	First   string // URL of the first page
	Seen    string // cursor for jobs that are newer than the list; empty if there was no job
	None    bool   // no jobs exist
	Filter  string // the filters in words, if they match no job
	Clear   string // URL without filters
	Try     string // a job type to try first
	Ages    []age
	Filters bool   // at least one filter is set
	Query   string // query for the API's list with the same filters
	Terms   []termFilter
}

// termFilter is a filter by a tag or a parameter.
type termFilter struct {
	state.Term
	Label   string // env=prod, or param.n=5
	Without string // URL without it
}

// tab is a status to filter by.
type tab struct {
	Text, URL, Count, Class string
	Current                 bool
}

// jobRow is a job as the list shows it.
type jobRow struct {
	view.JobSummary
	Shown string // its status as a key of looks
	Bar   []slice
	Done  int
}

// jobTabs are the tabs in the order of the page. An empty status means all.
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

// age is an option of the filter by age.
type age struct{ Value, Text string }

var ages = []age{{"", "Any time"}, {"1h", "Last hour"}, {"24h", "Last 24 hours"}, {"168h", "Last 7 days"}}

func loadJobs(ctx context.Context, s *Server, in *input) (content, error) {
	f, err := api.ReadJobFilter(in.raw)
	if err == nil {
		err = api.CheckSearch(f, s.Types())
	}

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
		p.Types = append(p.Types, f.Type) // a type of jobs from an older build
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

	for _, term := range f.Terms {
		p.Terms = append(p.Terms, termFilter{
			term,
			strings.TrimPrefix(term.Name, state.TagPrefix) + "=" + term.Value,
			s.listed(without(filters, term.Name)),
		})
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

// pageBefore sets the URL of the previous page. It is the first page unless
// more than one page of jobs precedes begin. pageBefore returns the cursor of
// the first job of the whole list.
func (s *Server) pageBefore(
	ctx context.Context,
	f view.JobFilter,
	begin *view.JobCursor,
	filters url.Values,
	p *jobsPage,
) (*view.JobCursor, error) {
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

// shownStatus returns the status of a job, including the direction in which it
// is about to change.
func shownStatus(job view.JobSummary) string {
	switch {
	case job.Status.Ended():
		return string(job.Status)
	case job.Finalizing:
		return "finalizing"
	case job.Error != nil:
		return "failing"
	case job.CancelRequestedAt != nil:
		return "cancelling"
	case job.Delayed(time.Now()):
		return "delayed"
	}

	return string(job.Status)
}

func (s *Server) listed(filters url.Values) string {
	if len(filters) == 0 {
		return s.Prefix + "/ui"
	}

	return s.Prefix + "/ui?" + filters.Encode()
}

// jobTabs sets the counts if they count what the list shows. There are no
// counts for a filter by id, by tag or by parameter.
func (s *Server) jobTabs(in *input, f view.JobFilter, counts map[state.JobStatus]int) []tab {
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

		if f.IDPrefix == "" && len(f.Terms) == 0 {
			tabs[i].Count = capped(n)
		}

		if t.status == state.JobFailed && n > 0 {
			tabs[i].Class = "bad"
		}
	}

	return tabs
}

// capped formats a count that is limited to view.MaxDepth.
func capped(n int) string {
	if n >= view.MaxDepth {
		return num(view.MaxDepth) + "+"
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

// inWords describes the active filters.
func inWords(filters url.Values) string {
	var said []string

	for _, f := range []struct{ name, say string }{
		{"status", "status"},
		{"type", "type"},
		{"since", "younger than"},
		{"id", "an id that starts with"},
	} {
		if v := strings.Join(filters[f.name], ", "); v != "" {
			said = append(said, f.say+" "+v)
		}
	}

	for _, name := range slices.Sorted(maps.Keys(filters)) {
		if api.KnownParameter(api.TermPrefixes, name) {
			said = append(said, strings.TrimPrefix(name, state.TagPrefix)+"="+strings.Join(filters[name], ", "))
		}
	}

	return strings.Join(said, ", ")
}

// jobCounts counts the jobs of the list for each status.
func (s *Server) jobCounts(ctx context.Context, f view.JobFilter) (map[state.JobStatus]int, error) {
	f = view.JobFilter{Type: f.Type, Since: f.Since, Until: f.Until}

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
