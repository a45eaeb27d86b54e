package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/web"
)

// inputs computes {"n":INDEX}, except for task 2.
type inputs struct{}

func (inputs) TaskInput(_ context.Context, _ state.JobID, _ state.StageShape, index int) ([]byte, error) {
	if index == 2 {
		return nil, state.Errorf(state.CodeDefinitionChanged, "x", "this build declares it in another <way>")
	}

	return fmt.Appendf(nil, `{"n":%d}`, index), nil
}

func TestTaskPageShowsLogInputAndLinks(t *testing.T) {
	t.Parallel()
	s := start(t, inline, func(o *web.Options) {
		o.Inputs = inputs{}
		o.TraceURL = "https://logs.example.com/?q={job_id}&s={stage}&i={index}&a={attempt}"
	})
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{
		{Name: "read/ä", TaskType: "r", Kind: state.Dynamic, Planned: 4, Dispatched: 4, Failed: 1},
	}})

	lines := strings.Repeat(`{"at":"2026-01-31T12:00:00Z","level":"INFO","text":"early"},`, 150)
	if _, err := s.pool.Exec(
		t.Context(),
		`insert into task_logs (job_id, stage, gen, index, incarnation, attempt, dropped, lines)
		select job_id, 0, 1, 0, incarnation, 2, 1234, convert_to($1, 'utf8') from jobs`,
		"["+lines+`{"at":"2026-01-31T12:00:01.5Z","level":"ERROR","text":"<script>alert(1)</script>\nx=\\x1b"}]`,
	); err != nil {
		t.Fatal(err)
	}

	link := `<a class="alone" href="https://logs.example.com/?q=` + id.String()
	path := "/jobs/" + id.String() + "/stages/read%2F%C3%A4/tasks/"
	page := s.get("/ui" + path + "0")
	has(t, page.Body,
		"<h3>An earlier try</h3>", "51 earlier lines are in the download. 1,234 lines were not kept.",
		"&lt;script&gt;alert(1)&lt;/script&gt;\nx=\\x1b</bdi>",
		"</svg>ERROR</span>", ">2026-01-31 12:00:01.500 UTC</time>",
		`data-download="/api/view/jobs/`+id.String()+`/stages/read%2F%C3%A4/tasks/0/logs"`,
		"&#34;n&#34;: 0", "it is computed from the job",
		link+`&amp;s=read%2F%C3%A4&amp;i=0&amp;a=" rel="noreferrer">logs and trace</a>`,
		`&amp;a=1" rel="noreferrer">`,
	)

	if n := strings.Count(page.Body, ">early<"); n != 99 {
		t.Errorf("the page shows %d of 150 lines, want 99 before the last", n)
	}

	raw := s.get("/view" + path + "0/logs")
	if raw.Status != http.StatusOK || strings.Count(raw.Body, `"early"`) != 150 ||
		raw.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the download answered %d %v: %.200s", raw.Status, raw.Header, raw.Body)
	}

	if got := s.get("/view" + path + "3/input"); got.Body != `{"n":3}` {
		t.Errorf("got the input %s", got.Body)
	}

	has(t, s.get("/ui"+path+"2").Body, "No lines are kept.", "This build cannot: ", "in another &lt;way&gt;")
	has(t, s.get("/ui/jobs/"+id.String()).Body,
		link+`&amp;s=&amp;i=&amp;a=" rel="noreferrer">logs and trace</a>`)
}
