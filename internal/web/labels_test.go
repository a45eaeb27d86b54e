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

// searchable declares a searchable parameter of the job type.
func searchable(o *web.Options) {
	types := o.Types()
	types[0].Searchable = []string{"n"}
	o.Types = func() []coremachine.JobType { return types }
}

// TestTagsAreLinksAndFilters shows tags and run keys of jobs, with names and
// values that HTML must escape, and lists by them.
func TestTagsAreLinksAndFilters(t *testing.T) {
	t.Parallel()

	s := start(t, searchable)
	tagged := rows.Insert(t, s.pool, rows.Job{
		Seed: "1", RunKey: "<night>&1", Status: state.JobCancelled,
		Terms: map[string]string{"tag.env": "prod", "tag.a": `"><script>א & b`, "param.n": "5"},
	})
	other := rows.Insert(t, s.pool, rows.Job{Seed: "2"})

	env := `href="/api/ui?tag.env=prod"><bdi>env=prod</bdi></a>`
	hostile := `<bdi>a=<bdi>&#34;&gt;&lt;script&gt;א &amp; b</bdi></bdi></a>`

	body := s.get("/view").Body
	for _, want := range []string{env, hostile, "<bdi>&lt;night&gt;&amp;1</bdi>"} {
		if !strings.Contains(body, want) {
			t.Errorf("the list has no %s", want)
		}
	}

	body = s.get("/view/jobs/" + tagged.String()).Body
	for _, want := range []string{
		env, hostile, "<bdi>&lt;night&gt;&amp;1</bdi>", "key=%3Cnight%3E%261&amp;rerun=true",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page of the job has no %s", want)
		}
	}

	for _, query := range []string{"tag.env=prod", "tag.env=prod&param.n=5", "param.n=5&type=hello_world"} {
		body = s.get("/view?" + query).Body
		if !strings.Contains(body, "job-"+tagged.String()) || strings.Contains(body, "job-"+other.String()) {
			t.Errorf("%s lists other jobs", query)
		}

		if strings.Contains(body, `class="count `) {
			t.Errorf("%s shows counts of other jobs", query)
		}
	}

	body = s.get("/view?param.n=5&tag.env=prod&status=cancelled").Body
	for _, want := range []string{
		`<input type="hidden" name="tag.env" value="prod">`,
		`href="/api/ui?status=cancelled&amp;tag.env=prod"><bdi>param.n=5</bdi>`,
		`data-query="param.n=5&amp;status=cancelled&amp;tag.env=prod"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the filtered list has no %s", want)
		}
	}

	if body = s.get("/view?tag.env=none").Body; !strings.Contains(body, "The filter selects jobs with env=none.") {
		t.Errorf("an empty list:\n%s", body)
	}

	for _, query := range []string{"param.m=5", "tag.=1", "tag.env=a&tag.env=b", "tags=1"} {
		if got := s.get("/view?" + query); got.Status != http.StatusBadRequest {
			t.Errorf("%s answered %d", query, got.Status)
		}
	}

	body = s.get("/view/types/hello_world?job=" + tagged.String()).Body
	if !strings.Contains(body, `id="run-key"`) || !strings.Contains(body, "env=prod\n") ||
		strings.Contains(body, `value="&lt;night`) {
		t.Errorf("the form:\n%s", body)
	}
}
