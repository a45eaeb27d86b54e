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
	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// jobsPage is the data of the template "jobs".
type jobsPage struct {
	Tabs    []tab
	Strip   strip
	Trends  trendStrip
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
	Try     string // a job type that needs no parameters; empty: there is none
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
	Ran   string // empty: nothing was claimed
	Given string // parameters that differ from the defaults; empty: none
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

	figures, err := s.strip(ctx)
	if err != nil {
		return content{}, err
	}

	trends, err := s.trendStrip(ctx, f.Type)
	if err != nil {
		return content{}, err
	}

	p := jobsPage{
		Strip:  figures,
		Trends: trends,
		Type:   f.Type,
		Since:  in.query.Get("since"),
		ID:     f.IDPrefix,
		Status: strings.Join(in.query["status"], ","),
		Ages:   ages,
		Clear:  s.Prefix + "/ui",
		Rows:   make([]jobRow, len(page.Items)),
	}

	p.Tabs = s.jobTabs(in, f, counts)
	p.Types = typeNames(s.Types(), f.Type)
	p.Try = typeToTry(s.Types())

	now, texts := time.Now(), view.NewParameterTexts(s.Types())

	var order strings.Builder

	parts := []part{{ID: "tabs"}, {ID: "strip"}, {ID: "trends", Template: "trend-strip", Data: trends}, {ID: "rows"}}

	for i, job := range page.Items {
		p.Rows[i] = jobRow{
			JobSummary: job,
			Shown:      job.Shown(now),
			Bar:        stack(job.Tasks, 120),
			Done:       job.Tasks.Done(),
			Ran:        duration(job.Ran(now)),
			Given:      texts.Of(&job),
		}

		parts = append(parts, part{ID: "job-" + job.JobID.String(), Template: "row", Data: p.Rows[i]})
		order.WriteString(job.JobID.String())
	}

	p.Order = order.String()
	parts[3].Sig = "order " + p.Order
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

// typeNames returns the names of the job types of this build, followed by those
// of also that another build has.
func typeNames(types []coremachine.JobType, also ...string) []string {
	var names []string
	for i := range types {
		names = append(names, types[i].Name)
	}

	for _, name := range also {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}

	return names
}

// typeToTry returns a job type that can be submitted without parameters, or "".
func typeToTry(types []coremachine.JobType) string {
	for i := range types {
		if !types[i].NeedsParameters() {
			return types[i].Name
		}
	}

	return ""
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

func (s *Server) listed(filters url.Values) string { return withQuery(s.Prefix+"/ui", filters) }

// withQuery returns a URL with a query, if there is one.
func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}

	return path + "?" + query.Encode()
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
