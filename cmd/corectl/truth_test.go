package main

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	httpapi "coremachine/internal/api"
	"coremachine/internal/coremachine"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/web"
)

// views are all views of one database: the pages of the dashboard, and corectl
// for people and for other programs.
type views struct {
	t    *testing.T
	pool *pgxpool.Pool
	api  *api
}

// declared is an engine that only lists its types.
type declared struct {
	httpapi.Engine

	types []coremachine.JobType
}

func (d declared) Types() []coremachine.JobType { return d.types }

const truthBudget = 12 // tries of each task of the type of the records

func newViews(t *testing.T) *views {
	t.Helper()

	pool := pgtest.Schema(t)
	reader := repo.New(pool)
	engine := declared{types: []coremachine.JobType{{
		Name: "hello_world", Schema: []byte(`{"type":"object"}`),
		Stages: []coremachine.StageType{
			{Name: "only", TaskType: "g", Kind: state.Dynamic, MaxAttempts: truthBudget},
		},
	}}}

	site := web.New(web.Options{Reader: reader, Types: engine.Types, Inline: true})
	watcher := httpapi.NewJobWatcher(reader.ReadVersions, nil)
	server := httptest.NewServer(httpapi.New(httpapi.Options{
		Engine: engine, Reader: reader, JobWatcher: watcher, Mounts: site.Mounts(),
	}))

	t.Cleanup(watcher.Close)
	t.Cleanup(site.Close)
	t.Cleanup(server.Close)

	return &views{t: t, pool: pool, api: &api{t: t, server: server}}
}

// page returns a page of the dashboard on one line.
func (v *views) page(path string) string {
	v.t.Helper()

	answer := httpGet(v.t, v.api.server.URL+"/api/ui"+path)

	return strings.ReplaceAll(answer, "\n", " ")
}

// corectl returns the output of a command, for people or for a pipe.
func (v *views) corectl(tty bool, args ...string) string {
	v.t.Helper()

	got := v.api.run(outside{tty: tty, width: 200, env: map[string]string{"NO_COLOR": "1"}}, args...)
	if got.code != exitOK {
		v.t.Fatalf("corectl %v: exit %d, %s", args, got.code, got.err)
	}

	return got.out
}

func (v *views) exec(sql string) {
	v.t.Helper()

	if _, err := v.pool.Exec(v.t.Context(), sql); err != nil {
		v.t.Fatal(err)
	}
}

// fact is one fact as one view shows it.
type fact struct{ view, text, pattern string }

var tags = regexp.MustCompile(`<[^>]*>`)

// same checks that each view shows the fact, in the same words.
func same(t *testing.T, name, want string, facts ...fact) {
	t.Helper()

	for _, f := range facts {
		found := regexp.MustCompile(f.pattern).FindStringSubmatch(f.text)
		if found == nil {
			t.Errorf("%s: %s does not show it", name, f.view)
			continue
		}

		got := html.UnescapeString(strings.TrimSpace(tags.ReplaceAllString(found[1], "")))
		got = strings.NewReplacer("_", " ", " /s", "/s").Replace(strings.Join(strings.Fields(got), " "))

		if got != want {
			t.Errorf("%s: %s shows %q, want %q", name, f.view, got, want)
		}
	}
}

// record is a job with one stage in all views.
type record struct {
	id                                         string
	job, stage, list, jobs                     string
	status, statusPipe, corectlJobs, pipedJobs string
}

func (v *views) record(id state.JobID) record {
	v.t.Helper()

	path := "/jobs/" + id.String()

	return record{
		id:          id.String(),
		job:         v.page(path),
		stage:       v.page(path + "/stages/only"),
		list:        v.page(path + "/stages/only?view=list"),
		jobs:        v.page(""),
		status:      v.corectl(true, "status", id.String()),
		statusPipe:  v.corectl(false, "status", id.String()),
		corectlJobs: v.corectl(true, "jobs"),
		pipedJobs:   v.corectl(false, "jobs"),
	}
}

// doneFacts are the number of tasks that are done, in each view.
func (r record) doneFacts() []fact {
	return []fact{
		{"the header of the job", r.job, `<dt>Tasks done</dt><dd>([\d,]+) <small>of`},
		{"the table of stages", r.job, `<td data-label="Done" class="n"><span>([\d,]+) /`},
		{"the graph", r.job, `class="sum"[^>]*>([\d,]+) /`},
		{"the page of the stage", r.stage, `<dt>Done</dt><dd>([\d,]+) <small>of`},
		{"the list of jobs", r.jobs, `data-label="Progress"[^>]*>.*?<span class="n">([\d,]+) /`},
		{"corectl status", r.status, `(?m)^only .*? ([\d,]+)/`},
		{"corectl status in a pipe", r.statusPipe, `(?m)^stage\tonly\t[^\t]*\t[^\t]*\t(\d+)\t`},
		{"corectl jobs", r.corectlJobs, `(?m)hello_world .*? ([\d,]+)/`},
		{"corectl jobs in a pipe", r.pipedJobs, `hello_world\t[^\t]*\t(\d+)\t`},
	}
}

// stageFacts are the status of the stage, in each view.
func (r record) stageFacts() []fact {
	return []fact{
		{"the table of stages", r.job, `<td data-label="Status">(.*?)</td>`},
		{"the graph", r.job, `<a href="[^"]*"><title>only: ([^<]*?)(?: · [^<]*)?</title>`},
		{"the timeline", r.job, `<rect class="f-\w+ run"[^>]*><title>(.*?)</title>`},
		{"the page of the stage", r.stage, `<h1>only</h1> (.*?)</div>`},
		{"corectl status", r.status, `(?m)^only +([a-z_]+) `},
		{"corectl status in a pipe", r.statusPipe, `(?m)^stage\tonly\t([^\t]*)\t`},
	}
}

func TestCancelledWorkIsNotDone(t *testing.T) {
	t.Parallel()

	v := newViews(t)
	r := v.record(rows.Insert(t, v.pool, rows.Job{
		Status: state.JobCancelled,
		Stages: []rows.Stage{{
			Name: "only", Status: state.StageCancelled, Planned: 101, Dispatched: 101, Completed: 80, Failed: 6,
			Cancelled: 15,
		}},
	}))

	same(t, "done", "86", r.doneFacts()...)
	same(t, "cancelled", "15",
		fact{"the header of the job", r.job, `<dt>Cancelled</dt><dd>([\d,]+)`},
		fact{"the table of stages", r.job, `<td data-label="Done"[^>]*>.*?([\d,]+) cancelled`},
		fact{"the graph", r.job, `class="note"[^>]*>.*?([\d,]+) cancelled`},
		fact{"the page of the stage", r.stage, `<dt>Cancelled</dt><dd>([\d,]+)`},
		fact{"the list of jobs", r.jobs, `([\d,]+) cancelled`},
		fact{"corectl status", r.status, `(?m)^only .*? ([\d,]+) cancelled`},
		fact{"corectl status in a pipe", r.statusPipe, `(?m)^stage\tonly(?:\t[^\t]*){5}\t(\d+)`},
		fact{"corectl jobs", r.corectlJobs, `([\d,]+) cancelled`},
	)
}

func TestCancelledWorkHasNoRate(t *testing.T) {
	t.Parallel()

	v := newViews(t)
	id := rows.Insert(t, v.pool, rows.Job{
		Status: state.JobCancelled,
		Stages: []rows.Stage{
			{Name: "only", Status: state.StageCancelled, Planned: 800, Dispatched: 800, Cancelled: 800},
		},
	})
	v.exec(`update jobs set started_at = now() - interval '2 s', finished_at = now()`)
	v.exec(`update stages set started_at = now() - interval '2 s', finished_at = now()`)

	r := v.record(id)
	same(t, "done", "0", r.doneFacts()...)
	same(t, "rate", "–", fact{"the header of the job", r.job, `<dt>Average rate</dt><dd>(.*?)</dd>`})

	if strings.Contains(r.status, "/s") {
		t.Errorf("corectl status shows a rate of tasks that never ran:\n%s", r.status)
	}
}

func TestStageWithFailuresIsNotPlainlyCompleted(t *testing.T) {
	t.Parallel()

	v := newViews(t)
	r := v.record(rows.Insert(t, v.pool, rows.Job{
		Status: state.JobCompletedWithErrors,
		Stages: []rows.Stage{{
			Name: "only", Status: state.StageCompleted, Planned: 600, Dispatched: 600, Completed: 100, Failed: 500,
		}},
	}))

	same(t, "status of the stage", "completed with errors", r.stageFacts()...)
	same(t, "failed", "500",
		fact{"the header of the job", r.job, `<dt>Failed</dt><dd>(.*?)</dd>`},
		fact{"the table of stages", r.job, `<td data-label="Failed" class="n">(.*?)</td>`},
		fact{"the page of the stage", r.stage, `<dt>Failed</dt><dd>(.*?)</dd>`},
		fact{"corectl status", r.status, `(?m)^only .*?600 +([\d,]+)`},
		fact{"corectl status in a pipe", r.statusPipe, `(?m)^stage\tonly(?:\t[^\t]*){4}\t(\d+)`},
	)
}

func TestTriesAreFailuresAndNotFences(t *testing.T) {
	t.Parallel()

	v := newViews(t)
	id := rows.Insert(t, v.pool, rows.Job{
		Status: state.JobFailed, Error: `{"code":"tasks_failed","message":"too many failures"}`,
		Stages: []rows.Stage{
			{Name: "only", Status: state.StageFailed, Planned: 3, Dispatched: 3, Completed: 1, Failed: 1, Cancelled: 1},
		},
	})
	// The fence was raised 42 times, also by deliveries that ran nothing.
	v.exec(`update tasks set attempt = 42, failures = 2 where status <> 'cancelled'`)

	r := v.record(id)
	tries := v.corectl(true, "tasks", id.String())

	for index, want := range []string{"3", "2"} {
		row := `(?s)tasks/` + string(rune('0'+index)) + `">.*?`
		same(t, "tries", want,
			fact{"the list of tasks", r.list, row + `<td data-label="Tries"[^>]*>(\d+)`},
			fact{"corectl tasks", tries, `(?m)^only +` + string(rune('0'+index)) + ` +\w+ +(\d+)/12`},
		)
	}

	all := []string{r.list, tries, v.page("/jobs/" + r.id + "/stages/only/tasks/0")}
	for _, text := range all {
		if regexp.MustCompile(`\b42 of\b|\b42/12\b`).MatchString(text) {
			t.Errorf("a fence number is shown as a try:\n%s", text)
		}
	}
}

func TestAttemptThatIsTriedAgainIsNotAFailedTask(t *testing.T) {
	t.Parallel()

	v := newViews(t)
	id := rows.Insert(t, v.pool, rows.Job{
		Status: state.JobRunning,
		Stages: []rows.Stage{{Name: "only", Planned: 3, Dispatched: 3, Completed: 2}},
	})
	rows.InsertEvent(t, v.pool, id, "task_failed", 0, 2,
		`{"attempt":41,"final":false,"code":"task_error","message":"again"}`)

	for view, text := range map[string]string{
		"the page of the job": v.page("/jobs/" + id.String()), "the events": v.page("/jobs/" + id.String() + "/events"),
	} {
		events := regexp.MustCompile(`<ol class="events">.*?</ol>`).FindString(text)
		if !strings.Contains(events, "will be tried again: again") {
			t.Errorf("%s does not say that the attempt is tried again: %s", view, events)
		}

		if strings.Contains(events, `<path d="M4 4l8 8M12 4l-8 8"/>`) {
			t.Errorf("%s draws a failed task, but none failed", view)
		}
	}

	events := v.api.run(outside{tty: true}, "events", id.String())
	if strings.Contains(events.out, "\x1b[31m") || !strings.Contains(events.out, "will be tried again: again") {
		t.Errorf("corectl events shows a failed task, but none failed: %q", events.out)
	}
}

func httpGet(t *testing.T, url string) string {
	t.Helper()

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = response.Body.Close() }()

	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v", url, response.StatusCode, err)
	}

	return string(text)
}
