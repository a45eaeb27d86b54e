package web_test

import (
	"net/http"
	"strings"
	"testing"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/web"
)

// nasty is markup that pages must escape.
const nasty = `<img src=x onerror=alert(1)>"'`

// typed serves a job type with one parameter of each kind.
func typed(o *web.Options) {
	inline(o)
	o.Types = func() []coremachine.JobType {
		return []coremachine.JobType{
			{
				Name:        "tile_index",
				Description: "Indexes " + nasty,
				Schema: []byte(`{"type":"object","required":["where"],"properties":{
"where":{"type":"string","minLength":3,"maxLength":63,"pattern":"^[a-z]+$","description":"Which ` + `<b>one</b>` + `"},
"n":{"type":"integer","minimum":1,"maximum":1000000,"default":12345678901234567890},
"share":{"type":"number","default":0.5},
"deep":{"type":"boolean","default":true},
"colour":{"type":"string","enum":["red","blue"],"default":"blue"},
"most":{"type":["integer","null"],"minimum":0,"default":null},
"list":{"type":"array","items":{"type":"string"},"default":["a"]}}}`),
				Stages: []coremachine.StageType{
					{Name: "scan", Kind: state.Single, DependsOn: []string{}, MaxAttempts: 5},
					{Name: "sum", Kind: state.FanIn, DependsOn: []string{"scan"}},
				},
			},
		}
	}
}

func has(t *testing.T, body string, wants ...string) {
	t.Helper()

	for _, want := range wants {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}

	if strings.Contains(body, "<img src=x") || strings.Contains(body, "<b>one") {
		t.Error("the page contains hostile text without escaping")
	}
}

// TestTheFormHasACallbackOnlyWhereOneIsAllowed renders the form with and
// without hosts that may be called.
func TestTheFormHasACallbackOnlyWhereOneIsAllowed(t *testing.T) {
	t.Parallel()

	for _, allowed := range []bool{true, false} {
		s := start(t, typed, func(o *web.Options) { o.Callbacks = allowed })

		body := s.get("/ui/types/tile_index").Body
		if got := strings.Contains(body, `id="callback-url"`); got != allowed {
			t.Errorf("callbacks: %t: the form has a field for them: %t", allowed, got)
		}
	}
}

func TestTypePageIsAFormOfItsParameters(t *testing.T) {
	t.Parallel()
	s := start(t, typed)

	got := s.get("/ui/types/tile_index")
	if got.Status != http.StatusOK {
		t.Fatalf("answered %d: %s", got.Status, got.Body)
	}

	has(
		t,
		got.Body,
		`<input type="text" id="p0" name="where"`,
		`minlength="3" maxlength="63" pattern="^[a-z]&#43;$"`,
		`aria-describedby="p0-hint p0-wrong" required`,
		`name="n"`,
		`value="12345678901234567890" min="1" max="1000000" step="1"`,
		`step="any"`,
		`Which &lt;b&gt;one&lt;/b&gt;`,
		`<input type="checkbox" id="p3" name="deep"`,
		` checked>`,
		`<option value="&#34;blue&#34;" selected>blue</option>`,
		`data-default="null"`,
		`<textarea id="p6"`,
		`>a</textarea>`,
		"corectl submit tile_index",
		`data-url="/api/jobs/submit/tile_index"`,
		"Indexes &lt;img src=x onerror=alert(1)&gt;",
	)

	if strings.Index(got.Body, `name="where"`) > strings.Index(got.Body, `name="n"`) {
		t.Error("parameters are not in the order of the schema")
	}
}

func TestFormIsPrefilledFromTheURL(t *testing.T) {
	t.Parallel()
	s := start(t, typed)
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{
			Type:   "tile_index",
			Params: `{"where":"` + `\u003cimg src=x onerror=alert(1)>` + `","n":7,"deep":false,"colour":"red"}`,
		},
	)
	other := rows.Insert(t, s.pool, rows.Job{Seed: "other"})
	has(
		t,
		s.get("/ui/types/tile_index?n=9&where=abc&colour=red").Body,
		`value="9"`,
		`value="abc"`,
		`<option value="&#34;blue&#34;">blue`,
	)
	body := s.get("/ui/types/tile_index?job=" + id.String()).Body
	has(
		t,
		body,
		`value="7"`,
		`value="&lt;img src=x onerror=alert(1)&gt;"`,
		`<option value="&#34;red&#34;" selected>`,
		id.Short(),
	)

	if strings.Contains(body, " checked>") {
		t.Error("a false parameter is ticked")
	}

	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/ui/types/tile_index?shade=9": {
			http.StatusBadRequest,
			"<code>shade</code>: is not a parameter of this job",
		},
		"/ui/types/tile_index?job=" + other.String(): {
			http.StatusBadRequest,
			"is a job of the type hello_world",
		},
		"/ui/types/tile_index?job=zz":                             {http.StatusBadRequest, "Invalid job id."},
		"/ui/types/" + strings.ReplaceAll(nasty[:12], "<", "%3C"): {http.StatusNotFound, "This build has no job type"},
	} {
		got := s.get(strings.ReplaceAll(path, " ", "%20"))
		if got.Status != want.status || !strings.Contains(got.Body, want.says) {
			t.Errorf("%s answered %d:\n%s", path, got.Status, got.Body)
		}
	}
}

func TestTypesShowTheOutcomesOfRecentRuns(t *testing.T) {
	t.Parallel()

	s := start(t, typed)
	if got := s.get("/ui/types"); !strings.Contains(got.Body, "No runs yet.") {
		t.Errorf("type without runs:\n%s", got.Body)
	}

	s = start(t, typed)
	id := rows.Insert(
		t,
		s.pool,
		rows.Job{Type: "tile_index", Status: state.JobFailed, Error: `{"code":"x","message":"no"}`},
	)
	has(
		t,
		s.get("/ui/types").Body,
		`href="/api/ui/types/tile_index"`,
		`<a class="dot d-failed" href="/api/ui/jobs/`+id.String()+`"`,
		"scan · sum",
	)
	s = start(t, inline, func(o *web.Options) { o.Types = func() []coremachine.JobType { return nil } })
	has(t, s.get("/ui/types").Body, "No job types")
}
