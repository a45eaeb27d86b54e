package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// stagePage is the data of the template "stage": one stage of a job, with its
// tasks as cells or as a list.
type stagePage struct {
	Job    view.JobSummary
	Shown  string
	Stage  *stageRow
	List   bool
	Views  []tab
	Filter []tab
	Tasks  []taskRow
	From   string // start of the selected range; empty means all tasks
	To     string
	Next   string             // URL of the next page
	First  string             // URL of the first page, on all other pages
	Rest   bool               // the page is short because the list stopped searching, but there is more
	Grid   string             // URL of the cells
	Kind   *view.FailureGroup // error group whose failures are listed; nil if none was selected
	Retry  bool
}

type taskRow struct {
	view.TaskSummary
	URL string
}

func loadStage(ctx context.Context, s *Server, in *input) (content, error) {
	id, err := state.ParseJobID(in.params["id"])
	if err != nil {
		return content{}, err
	}

	job, err := s.Reader.ReadJob(ctx, id)
	if err != nil {
		return content{}, err
	}

	rows := s.stageRows(job, time.Now())

	i := slices.IndexFunc(rows, func(r stageRow) bool { return r.Name == in.params["stage"] })
	if i < 0 {
		return content{}, state.Errorf(
			state.CodeNotFound,
			"web",
			"The job %s has no stage %q.",
			id.Short(),
			state.Excerpt(in.params["stage"]),
		)
	}

	at := []any{"jobs", id, "stages", rows[i].Name}
	p := stagePage{
		Job:   job.JobSummary,
		Shown: job.Shown(time.Now()),
		Stage: &rows[i],
		Grid:  join(s.Prefix+"/view", append(at, "grid")),
		Retry: job.Status.Ended() && rows[i].Tasks.Failed > 0,
	}

	view := in.query.Get("view")
	if view != "" && view != "list" && view != "grid" {
		return content{}, state.Invalid(
			"web",
			"The address is invalid.",
			state.FieldError{Field: "view", Message: "is grid or list"},
		)
	}

	p.List = view == "list" ||
		view == "" &&
			(in.query.Has("status") || in.query.Has("error") || in.query.Has("from") || in.query.Has("cursor"))
	here := join(s.Prefix+"/ui", at)
	p.Views = []tab{
		{Text: "Cells", URL: here, Current: !p.List},
		{Text: "List", URL: here + "?view=list", Current: p.List},
	}
	parts := []part{{ID: "stage-head"}}

	if p.List {
		if err := s.listStage(ctx, in, &p, here, id); err != nil {
			return content{}, err
		}

		if !in.query.Has("cursor") {
			parts = append(parts, part{ID: "stage-tasks"})
		}
	}

	c := content{
		Title:   rows[i].Name + " · " + job.JobType,
		Data:    p,
		Version: job.Version,
		Ended:   job.Status.Ended(),
		Parts:   parts,
	}
	c.wait = func(ctx context.Context) {
		if s.Wait != nil {
			// Read the stage again whether the wait timed out or the job
			// changed.
			_, _ = s.Wait(ctx, id, job.Version)
		}
	}

	return c, nil
}

func (s *Server) listStage(ctx context.Context, in *input, p *stagePage, here string, id state.JobID) error {
	asked := without(in.query, "view")
	asked.Set("stage", p.Stage.Name)
	asked.Set("limit", "100")

	f, err := api.ReadTaskFilter(asked.Encode())
	if err != nil {
		return err
	}

	page, err := s.Reader.ListTasks(ctx, id, f)
	if err != nil {
		return err
	}

	base := without(in.query, "cursor")
	base.Set("view", "list")
	p.From, p.To = base.Get("from"), base.Get("to")

	for _, t := range page.Items {
		p.Tasks = append(p.Tasks, taskRow{t, fmt.Sprintf("%s/tasks/%d", here, t.Index)})
	}

	if page.Next != nil {
		p.Next = here + "?" + with(base, "cursor", *api.TaskCursor(page.Next)).Encode()
		p.Rest = len(page.Items) < f.Limit
	}

	if f.After != nil {
		p.First = here + "?" + base.Encode()
	}

	if f.Error != 0 {
		kinds, err := s.Reader.ListFailures(ctx, id, p.Stage.Name)
		if err != nil {
			return err
		}

		p.Kind = &view.FailureGroup{Pattern: "an error that no task currently has"}
		if i := slices.IndexFunc(
			kinds,
			func(k view.FailureGroup) bool { return k.Fingerprint == f.Error },
		); i >= 0 {
			p.Kind = &kinds[i]
		}
	}

	p.Filter = stageFilters(p.Stage.Tasks, f.Status, here, base)

	return nil
}

// stageFilters are the statuses to filter by, with the stage's counters.
func stageFilters(c view.TaskCounts, now state.TaskStatus, here string, base url.Values) []tab {
	counts := []struct {
		text   string
		status state.TaskStatus
		n      int
	}{
		{"All", "", c.Total},
		{"Queued", state.TaskQueued, c.Queued},
		{"Running", state.TaskRunning, c.Running},
		{"Completed", state.TaskCompleted, c.Completed},
		{"Failed", state.TaskFailed, c.Failed},
		{"Cancelled", state.TaskCancelled, c.Cancelled},
	}

	var tabs []tab

	for _, one := range counts {
		t := tab{
			Text:    one.text,
			Count:   num(one.n),
			Current: one.status == now,
			URL:     here + "?" + without(base, "status", "error").Encode(),
		}
		if one.status != "" {
			t.URL = here + "?" + with(without(base, "error"), "status", string(one.status)).Encode()
		}

		if base.Has("from") || base.Has("error") { // the counters cover the whole stage
			t.Count = ""
		}

		if one.status == state.TaskFailed && one.n > 0 {
			t.Class = "bad"
		}

		tabs = append(tabs, t)
	}

	return tabs
}

// RangeText describes the range of tasks to which a list is limited.
func (p stagePage) RangeText() string {
	from, _ := strconv.Atoi(p.From) // already validated

	to, err := strconv.Atoi(p.To)
	if err != nil {
		return "Tasks from " + num(from)
	}

	return "Tasks " + num(from) + " to " + num(to)
}
