package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

func TestTaskPageShowsTheErrorFirstAndEveryAttempt(t *testing.T) {
	t.Parallel()
	s := start(t, inline)
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{
		{
			Name:       "list",
			Kind:       state.Single,
			Planned:    1,
			Dispatched: 1,
			Completed:  1,
			Status:     state.StageCompleted,
		},
		{
			Name:       "read/ä",
			Kind:       state.FanOut,
			DependsOn:  []int16{0},
			Planned:    30,
			Dispatched: 30,
			Completed:  2,
			Failed:     1,
		},
		{Name: "sum", Kind: state.FanIn, DependsOn: []int16{1}},
	}})

	text, err := json.Marshal(
		map[string]string{"code": "permanent", "message": nasty + "\ngoroutine 7 [running]"},
	)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := s.pool.Exec(
		t.Context(),
		`update tasks set error = $1, input = convert_to($2, 'utf8'), attempt = 2, failures = 2 where `+
			`stage = 1 and index = 2`,
		string(text),
		`{"big":12345678901234567890}`,
	); err != nil {
		t.Fatal(err)
	}

	if _, err := s.pool.Exec(
		t.Context(),
		`insert into attempts (job_id, stage, gen, index, attempt, outcome, error, stack, started_at)
select job_id, 1, 1, 2, 2, 'timeout', 'late', null, now() - interval '2 seconds' from jobs union all
select job_id, 1, 1, 2, 3, 'panic', 'no',
	'tiles.read[...]' || chr(10) || chr(9) || 'tiles/read.go:17', now() from jobs`,
	); err != nil {
		t.Fatal(err)
	}

	rows.InsertMessage(t, s.pool, id, rows.Message{Stage: 1, First: 3, Count: 4, Held: true, Attempt: 3})

	if _, err := s.pool.Exec(
		t.Context(),
		`update messages set progress = '{"4":{"fraction":0.256,"note":"<b>one</b> of four"}}'`,
	); err != nil {
		t.Fatal(err)
	}

	if _, err := s.pool.Exec(
		t.Context(),
		`update jobs set traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'`,
	); err != nil {
		t.Fatal(err)
	}

	page := func(index int) string {
		t.Helper()

		got := s.get(fmt.Sprintf("/ui/jobs/%s/stages/read%%2F%%C3%%A4/tasks/%d", id, index))
		if got.Status != http.StatusOK {
			t.Fatalf("task %d answered %d: %s", index, got.Status, got.Body)
		}

		return got.Body
	}
	body := page(2)
	has(
		t,
		body,
		"&lt;img src=x onerror=alert(1)&gt;",
		"goroutine 7 [running]",
		"(permanent)",
		"timed out",
		"<summary>Stack</summary>",
		"tiles/read.go:17",
		"12345678901234567890",
		"try 2",
		`href="/api/ui/jobs/`+id.String()+`/stages/list/tasks/0"`,
		"planned from one of these results",
		"reads all results of this stage",
		"Its tasks are not planned yet.",
		id.String()+"/1/1/1/2",
		"<code>4bf92f3577b34da6a3ce929d0e0e4736</code>",
		`/tasks/1" rel="prev"`,
		`/tasks/3" rel="next"`,
	)

	if strings.Index(body, `id="h-error"`) > strings.Index(body, "<h2>Attempts</h2>") {
		t.Error("the error is not above the attempts")
	}

	has(
		t,
		page(4),
		`<progress max="1" value="0.256"`,
		"25 %",
		"&lt;b&gt;one&lt;/b&gt; of four",
		"host 7",
		"runs for",
		"try 1",
	)
	has(t, page(29), "no attempt yet", "Not yet.")

	for path, want := range map[string]int{
		"/tasks/30":          404,
		"/tasks/-1":          400,
		"/tasks/07":          400,
		"/tasks/x":           400,
		"/tasks/99999999999": 400,
	} {
		if got := s.get("/ui/jobs/" + id.String() + "/stages/list" + path); got.Status != want {
			t.Errorf("%s answered %d, want %d", path, got.Status, want)
		}
	}

	raw := s.get("/view/jobs/" + id.String() + "/stages/read%2F%C3%A4/tasks/2/input")
	if raw.Body != `{"big":12345678901234567890}` {
		t.Errorf("got input %s", raw.Body)
	}
}

func TestTaskPageReportsADeadLetter(t *testing.T) {
	t.Parallel()
	s := start(t, inline)
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{Status: state.JobRunning, Stages: []rows.Stage{{Name: "a", Planned: 3, Dispatched: 3}}},
	)
	rows.InsertMessage(t, s.pool, id, rows.Message{First: 1, Dead: nasty})
	has(
		t,
		s.get("/ui/jobs/"+id.Short()+"/stages/a/tasks/1").Body,
		"</svg>dead-lettered</span>",
		"Its message is a dead letter",
		"&lt;img src=x",
		"/api/ui/queues",
	)
}

func TestTaskPageCountsTriesAndNotDeliveries(t *testing.T) {
	t.Parallel()
	s := start(t, inline)

	id := rows.Insert(t, s.pool, rows.Job{
		Status: state.JobRunning,
		Stages: []rows.Stage{{Name: "greeting", Planned: 3, Dispatched: 3, Failed: 1}},
	})

	for _, statement := range []string{
		`update tasks set attempt = 42, failures = 2, losses = 1`,
		`delete from attempts`,
		`insert into attempts (job_id, stage, gen, index, attempt, outcome, error, started_at)
select job_id, 0, 1, 0, f.n, f.outcome, 'no', now() from jobs, (values
	(3, 'error'), (17, 'lost'), (42, 'timeout')) f (n, outcome)`,
	} {
		if _, err := s.pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}

	body := s.get("/ui/jobs/" + id.String() + "/stages/greeting/tasks/0").Body
	numbers := regexp.MustCompile(`data-label="Try" class="n">([^<]*)<`).FindAllStringSubmatch(body, -1)

	var got []string
	for _, n := range numbers {
		got = append(got, n[1])
	}

	if want := []string{"2 of 5", "2 of 5", "1 of 5"}; !slices.Equal(got, want) {
		t.Errorf("the attempts are numbered %q, want %q", got, want)
	}

	if !strings.Contains(body, ">39 deliveries ran nothing.") {
		t.Error("the deliveries that ran nothing are not counted apart")
	}

	if strings.Contains(body, ">42<") || strings.Contains(body, "ttempt 42") {
		t.Error("the page shows a number of the fence")
	}
}
