package web_test

import (
	"net/http"
	"strings"
	"testing"

	"coremachine/internal/coremachine"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/web"
)

// nestedType serves a job type with parameters in objects, lists and a map.
func nestedType(o *web.Options) {
	inline(o)

	job := fixtures.Jobs()["nested"]
	o.Types = func() []coremachine.JobType {
		return []coremachine.JobType{{Name: "nested", Schema: job.Schema(), Searchable: job.Searchable()}}
	}
}

func TestNestedParametersHaveFields(t *testing.T) {
	t.Parallel()

	s := start(t, nestedType)
	has(
		t,
		s.get("/ui/types/nested").Body,
		`<fieldset class="group" id="p1" data-group="owner" data-required="false">`,
		`<legend>owner</legend>`,
		`name="owner.name" data-kind="string"`,
		`<select id="p3" name="owner.team"`,
		`<textarea id="p4" rows="3" spellcheck="false" name="bands" data-kind="list" data-items="integer"`,
		`one value on each line · each 1 to 16 · usually [1]`,
		`each one of tif, png`,
		`data-group="window" data-required="false" disabled>`,
		`data-set autocomplete="off">window</label>`,
		`name="window.left"`,
		`name="labels" data-kind="json"`,
	)
}

func TestNestedFieldsArePrefilled(t *testing.T) {
	t.Parallel()

	s := start(t, nestedType)
	id := rows.Insert(t, s.pool, rows.Job{Type: "nested", Params: `{"n":7,"owner":{"name":"eve","team":"data"},
"bands":[3,4],"formats":["a\nb"],"window":{"left":5,"width":100}}`})

	for _, path := range []string{
		"?n=7&owner.name=eve&owner.team=data&bands=3&bands=4&window.left=5",
		"?n=7&owner.name=eve&owner.team=data&bands=3,4&window.left=5",
		"?job=" + id.String(),
	} {
		body := s.get("/ui/types/nested" + path).Body
		has(
			t,
			body,
			`value="7"`,
			`value="eve"`,
			`<option value="&#34;data&#34;" selected>`,
			">3\n4</textarea>",
			`data-group="window" data-required="false">`,
			`data-set autocomplete="off" checked>`,
			`value="5"`,
		)

		if strings.Contains(path, "job=") {
			has(t, body, `>[&#34;a\nb&#34;]</textarea>`) // an item with two lines is edited as JSON
		}
	}

	for query, want := range map[string]string{
		"owner.nme=x":             "<code>owner.nme</code>: is not a parameter of this job",
		"window={}&window.left=1": "window.left: window is also given as a whole",
	} {
		got := s.get("/ui/types/nested?" + query)
		if got.Status != http.StatusBadRequest || !strings.Contains(got.Body, want) {
			t.Errorf("%s answered %d:\n%s", query, got.Status, got.Body)
		}
	}
}

func TestJobsShowParametersThatDifferFromTheDefaults(t *testing.T) {
	t.Parallel()

	s := start(t, nestedType)
	defaults := string(mustParse(t, "{}"))
	rows.Insert(t, s.pool, rows.Job{Type: "nested", Seed: "1", Params: defaults})
	rows.Insert(t, s.pool, rows.Job{
		Type: "nested", Seed: "2", Params: string(mustParse(t, `{"owner":{"name":"it's bob"},"bands":[1,2],"n":3}`)),
	})
	rows.Insert(t, s.pool, rows.Job{Type: "gone", Seed: "3", Params: `{"a":1,"b":{"c":"<d>"}}`})

	has(
		t,
		s.get("/ui").Body,
		`<td class="params muted">defaults</td>`,
		`<code>n=3 &#39;owner.name=it&#39;\&#39;&#39;s bob&#39; bands=1,2</code>`,
		`<code>a=1 &#39;b.c=&lt;d&gt;&#39;</code>`,
	)
}

// mustParse returns the canonical parameters of the nested job.
func mustParse(t *testing.T, body string) []byte {
	t.Helper()

	p, err := fixtures.Jobs()["nested"].Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}

	return p.Canonical
}
