package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

// hostile is text that pages must escape.
const hostile = `<script>alert(1)</script>"'&` + "`${1}"

func TestJobPageBlocksHaveAFixedOrder(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Type:   "tile_index",
			Status: state.JobRunning,
			Params: `{"big":12345678901234567890}`,
			Stages: []rows.Stage{
				{
					Name:       "scan",
					Kind:       state.Single,
					Status:     state.StageCompleted,
					Planned:    1,
					Dispatched: 1,
					Completed:  1,
				},
				{
					Name:       "measure",
					DependsOn:  []int16{0},
					Planned:    40,
					Dispatched: 40,
					Completed:  20,
					Failed:     3,
				},
				{Name: "summarise", DependsOn: []int16{1}},
			},
		},
	)
	rows.InsertEvent(t, s.pool, id, "created", -1, -1, `{"by":"alice"}`)
	body := s.get("/view/jobs/" + id.String()).Body
	at := -1

	for _, block := range []string{
		"<h1>tile_index</h1>", "3 tasks failed in measure", `<dl id="figures"`, `<svg class="dag"`,
		`<table id="stages"`, "Tasks of measure",
		`<svg class="time"`, "12345678901234567890", "Not yet: the job has not ended.", "submitted by alice",
	} {
		i := strings.LastIndex(body, block)
		if i < at {
			t.Fatalf("%q is at %d, but the previous block is at %d:\n%s", block, i, at, body)
		}

		at = i
	}

	for _, want := range []string{
		">24 <small>of 41<span aria-hidden=\"true\" title=\"More tasks can be planned.\">+</span>",
		">23 / 40<", "not planned<",
		`<button type="button" commandfor="ask-retry" command="show-modal" disabled>`,
		"You can run it again or retry it after it has ended.",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestNothingIsRedWhenNothingFailed(t *testing.T) {
	t.Parallel()
	s := start(t)

	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Status: state.JobCompleted,
			Stages: []rows.Stage{{Name: "a", Status: state.StageCompleted, Planned: 3, Completed: 3}},
		},
	)
	for _, path := range []string{
		"/view", "/view/jobs/" + id.String(), "/view/jobs/" + id.String() + "/stages/a/grid",
	} {
		alarm := regexp.MustCompile(
			`(class="[^"]*\b(bad|s-failed|f-failed|b-failed|i-failed)\b|<section class="failed")[^>]*>`)
		if found := alarm.FindString(s.get(path).Body); found != "" {
			t.Errorf("%s contains %s", path, found)
		}
	}
}

func TestHostileTextIsEscaped(t *testing.T) {
	t.Parallel()
	s := start(t)
	name := "a" + hostile
	failure := fmt.Sprintf(`{"code":"permanent","message":%q,"stage":%q}`, hostile, name)
	id := rows.Insert(t, s.pool, rows.Job{
		Type:   "t" + hostile,
		Status: state.JobFailed,
		Params: fmt.Sprintf(`{"x":%q}`, hostile),
		Error:  failure,
		Stages: []rows.Stage{
			{
				Name:      name,
				TaskType:  hostile,
				Status:    state.StageFailed,
				Planned:   3,
				Completed: 1,
				Failed:    2,
				Error:     failure,
			},
		},
	})
	rows.InsertEvent(t, s.pool, id, hostile, 0, 1, fmt.Sprintf(`{"message":%q,"by":%q}`, hostile, hostile))

	stage := "/view/jobs/" + id.String() + "/stages/a%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27&%60$%7B1%7D"
	for _, path := range []string{
		"/view", "/view/jobs/" + id.String(), "/view/jobs/" + id.String() + "/events", stage,
		stage + "?view=list", stage + "/grid",
	} {
		got := s.get(path)
		if got.Status != http.StatusOK {
			t.Errorf("%s answered %d:\n%s", path, got.Status, got.Body)
		}

		if strings.Contains(got.Body, "<script>") || strings.Contains(got.Body, `"'&`) ||
			!strings.Contains(got.Body, "&lt;script&gt;") {
			t.Errorf("%s contains hostile text without escaping", path)
		}

		if strings.Contains(got.Body, "ZgotmplZ") {
			t.Errorf("%s contains what the templates reject", path)
		}
	}
}

func TestJobIsFoundByItsIDPrefix(t *testing.T) {
	t.Parallel()
	s := start(t)

	id := rows.Insert(t, s.pool, rows.Job{Type: "one", Stages: []rows.Stage{{Name: "a"}}})
	if got := s.get(
		"/view/jobs/" + id.String()[:10],
	); got.Status != http.StatusOK ||
		!strings.Contains(got.Body, "<h1>one</h1>") {
		t.Errorf("id prefix: got status %d", got.Status)
	}

	other := id

	other[31] ^= 1
	if _, err := s.pool.Exec(
		t.Context(),
		`insert into jobs (job_id, job_type, params, pending_stages) values ($1, 'two', '{}', 1)`,
		other[:],
	); err != nil {
		t.Fatal(err)
	}

	got := s.get("/view/jobs/" + id.String()[:10])
	if got.Status != http.StatusNotFound || !strings.Contains(got.Body, "/jobs/"+id.String()) ||
		!strings.Contains(got.Body, "/jobs/"+other.String()) {
		t.Errorf("ambiguous prefix: got status %d:\n%s", got.Status, got.Body)
	}

	for text, status := range map[string]int{
		"nope": http.StatusBadRequest, strings.Repeat("0", 64): http.StatusNotFound,
		"0000000000": http.StatusNotFound, "abc": http.StatusBadRequest,
	} {
		if got := s.get(
			"/view/jobs/" + text,
		); got.Status != status ||
			!strings.Contains(got.Body, `class="panel problem"`) {
			t.Errorf("%s answered %d, want %d", text, got.Status, status)
		}
	}
}

func TestParametersAreServedByteForByte(t *testing.T) {
	t.Parallel()
	s := start(t)

	const params = `{ "big": 12345678901234567890,  "f": 1.0 }`

	id := rows.Insert(t, s.pool, rows.Job{Params: params, Stages: []rows.Stage{{Name: "a"}}})

	got := s.get("/view/jobs/" + id.String() + "/parameters")
	if got.Body != params || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%q as %s", got.Body, got.Header.Get("Content-Type"))
	}

	if got := s.get("/view/jobs/" + id.String() + "/result"); got.Status != http.StatusNotFound {
		t.Errorf("missing result: got status %d", got.Status)
	}

	if got := s.get(
		"/ui/jobs/" + id.String() + "/parameters",
	); strings.Contains(
		got.Body,
		"12345678901234567890",
	) {
		t.Error("the public part of the dashboard serves parameters")
	}
}

func TestAHundredThousandTasksFitInASmallPage(t *testing.T) {
	t.Parallel()
	s := start(t, inline)
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{Status: state.JobRunning, Params: `{"n":100000}`, Stages: []rows.Stage{
			{
				Name:       "a",
				Planned:    100_000,
				Dispatched: 100_000,
				Completed:  50_000,
				Failed:     500,
			},
			{Name: "b", DependsOn: []int16{0}},
		}},
	)

	// On a busy machine, not each twenty requests show how fast the page is.
	half, busy := time.Minute, time.Now().Add(time.Minute)
	for half > 200*time.Millisecond && time.Now().Before(busy) {
		var took []time.Duration

		for range 20 {
			begin := time.Now()
			got := s.get("/ui/jobs/" + id.String())

			took = append(took, time.Since(begin))

			if got.Status != http.StatusOK || len(got.Body) > 60<<10 {
				t.Fatalf("got status %d with %d bytes", got.Status, len(got.Body))
			}
		}

		slices.Sort(took)
		half = min(half, took[len(took)/2])
	}

	if got := s.raw("/ui/jobs/" + id.String()); got.Header.Get("Content-Encoding") != "gzip" || len(got.Body) > 20_000 {
		t.Errorf("the page is sent with %d bytes, encoded as %q", len(got.Body), got.Header.Get("Content-Encoding"))
	}

	if half > 200*time.Millisecond {
		t.Errorf("the page takes %s, want at most 200 ms", half)
	}
}
