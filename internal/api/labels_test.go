package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

// TestSubmitReadsRunKeyAndTags covers what a caller can say about the identity
// and the tags of a job.
func TestSubmitReadsRunKeyAndTags(t *testing.T) {
	t.Parallel()

	var asked coremachine.SubmitRequest

	s := start(t, fakeEngine{submit: func(r coremachine.SubmitRequest) (coremachine.SubmitResult, error) {
		asked = r

		return coremachine.SubmitResult{
			JobID: state.NewJobID("x", nil), RunKey: r.RunKey, Status: state.JobQueued, Attempt: 1,
			Created: true, Started: true, Parameters: json.RawMessage(`{}`),
		}, nil
	}})

	for _, tt := range []struct{ query, header, key string }{
		{"key=a%2Fb", "", "a/b"},
		{"", "a/b", "a/b"},
		{"", ` "a/b" `, "a/b"},
		{"key=a", "a", "a"},
		{"key=a", `"a"`, "a"},
		{"key=" + strings.Repeat("x", 200), "", strings.Repeat("x", 200)},
	} {
		var headers []string
		if tt.header != "" {
			headers = []string{"Idempotency-Key", tt.header}
		}

		got := s.call(http.MethodPost, "/jobs/submit/x?"+tt.query, nil, headers...).must(http.StatusAccepted)
		if asked.RunKey != tt.key || !strings.Contains(string(got.Body), `"run_key":"`+tt.key+`"`) {
			t.Errorf("%+v: the key is %q, answered %s", tt, asked.RunKey, got.Body)
		}
	}

	for _, tt := range []struct{ query, header, field string }{
		{"key=", "", "key"},
		{"key=a&key=a", "", "key"},
		{"key=a%20b", "", "key"},
		{"key=%C3%A4", "", "key"},
		{"key=a%22b", "", "key"},
		{"key=a", "b", "key"},
		{"key=a", `"A"`, "key"},
		{"", `""`, "Idempotency-Key"},
		{"", "a b", "Idempotency-Key"},
		{"", `"`, "Idempotency-Key"},
		{"key=" + strings.Repeat("x", 201), "", "key"},
	} {
		var headers []string
		if tt.header != "" {
			headers = []string{"Idempotency-Key", tt.header}
		}

		p := s.call(http.MethodPost, "/jobs/submit/x?"+tt.query, nil, headers...).problem(http.StatusBadRequest)
		if len(p.Errors) != 1 || p.Errors[0].Field != tt.field {
			t.Errorf("%+v: %+v", tt, p.Errors)
		}
	}

	s.call(http.MethodPost, "/jobs/submit/x?tag.env=prod&tag.Team/a-1._=Zo%C3%AB%20%3D%201&code=k", nil).
		must(http.StatusAccepted)

	if want := (map[string]string{"env": "prod", "Team/a-1._": "Zoë = 1"}); !maps.Equal(asked.Tags, want) {
		t.Errorf("tags %v, want %v", asked.Tags, want)
	}

	many := url.Values{}
	for i := range 17 {
		many.Set(fmt.Sprintf("tag.t%d", i), "x")
	}

	for query, field := range map[string]string{
		"tag.env=":                              "tag.env",
		"tag.env=a&tag.env=b":                   "tag.env",
		"tag.=a":                                "tag.",
		"tag.-a=b":                              "tag.-a",
		"tag.a%20b=c":                           "tag.a b",
		"tag.%C3%A4=c":                          "tag.ä",
		"tag." + strings.Repeat("x", 64) + "=1": "tag." + strings.Repeat("x", 64),
		"tag.a=%20b":                            "tag.a",
		"tag.a=b%0A":                            "tag.a",
		"tag.a=%E2%80%AEb":                      "tag.a", // turns the direction of text
		"tag.a=" + strings.Repeat("x", 201):     "tag.a",
		"tag.a=%FF":                             "tag.a",
		"tags=a":                                "tags",
		"param.n=1":                             "param.n",
		many.Encode():                           "tags",
	} {
		p := s.call(http.MethodPost, "/jobs/submit/x?"+query, nil).problem(http.StatusBadRequest)
		if len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %+v", query, p.Errors)
		}
	}
}

// TestJobsAreListedByTermsAndShowTags lists by a tag and by a parameter, and
// shows key and tags wherever the parameters are.
func TestJobsAreListedByTermsAndShowTags(t *testing.T) {
	t.Parallel()

	s := start(t, fakeEngine{})
	tagged := rows.Insert(t, s.pool, rows.Job{
		Seed: "1", RunKey: "night", Terms: map[string]string{"tag.env": "prod", "tag.a": "<b>", "param.n": "5"},
	})
	plain := rows.Insert(t, s.pool, rows.Job{Seed: "2", Terms: map[string]string{"param.n": "5"}})

	found := get[page[view.JobSummary]](s, "/jobs?tag.env=prod").Items
	if len(found) != 1 || found[0].JobID != tagged || found[0].RunKey != "night" {
		t.Errorf("by tag: %+v", found)
	}

	if diff := cmp.Diff(map[string]string{"a": "<b>", "env": "prod"}, found[0].Tags); diff != "" {
		t.Error(diff)
	}

	found = get[page[view.JobSummary]](s, "/jobs?param.n=5&type=hello_world").Items
	if len(found) != 2 {
		t.Errorf("by parameter: %+v", found)
	}

	one := get[view.JobView](s, "/jobs/status/"+plain.String())
	if one.Tags == nil || len(one.Tags) != 0 {
		t.Errorf("a job without tags has %v", one.Tags)
	}

	for query, field := range map[string]string{
		"tag.env=":                          "tag.env",
		"tag.env=a&tag.env=b":               "tag.env",
		"tag.a%20b=c":                       "tag.a b",
		"param.=5":                          "param.",
		"param.N=5":                         "param.N",
		"param.m=5":                         "param.m",
		"param.n=5&type=other":              "param.n",
		"tag.env=prod&id=0123":              "id",
		"param.n=5%00":                      "param.n",
		"tags=env":                          "tags",
		"tag.env=prod&limit=0":              "limit",
		"tag.e=" + strings.Repeat("x", 201): "tag.e",
	} {
		p := s.call(http.MethodGet, "/jobs?"+query, nil).problem(http.StatusBadRequest)
		if len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %+v", query, p.Errors)
		}
	}

	p := s.call(http.MethodGet, "/jobs?param.m=5", nil).problem(http.StatusBadRequest)
	if !strings.Contains(p.Errors[0].Message, "searchable parameters: n") {
		t.Errorf("an unknown parameter: %+v", p.Errors)
	}
}

// TestTagsChangeByMergePatch covers the body of a change of tags.
func TestTagsChangeByMergePatch(t *testing.T) {
	t.Parallel()

	var asked map[string]*string

	s := start(t, fakeEngine{tag: func(changes map[string]*string) (map[string]string, error) {
		asked = changes
		return map[string]string{"env": "prod"}, nil
	}})
	path := "/jobs/" + unknownID + "/tags"

	got := s.call(http.MethodPatch, path, ` {"env":"prod","old":null} `).must(http.StatusOK)
	if want := `{"job_id":"` + unknownID + `","tags":{"env":"prod"}}` + "\n"; string(got.Body) != want {
		t.Errorf("answered %s, want %s", got.Body, want)
	}

	if len(asked) != 2 || asked["old"] != nil || *asked["env"] != "prod" {
		t.Errorf("the changes are %v", asked)
	}

	s.call(http.MethodPatch, path, `{}`).must(http.StatusOK)

	var many strings.Builder
	for i := range 33 {
		fmt.Fprintf(&many, `,"t%d":null`, i)
	}

	for body, code := range map[string]state.Code{
		"":                            "malformed",
		"null":                        "malformed",
		"[]":                          "malformed",
		`{"a":"b"`:                    "malformed",
		`{"a":"b"} {}`:                "malformed",
		`{"a":"b","a":"c"}`:           "malformed",
		`{"a":1}`:                     "invalid",
		`{"a":{"b":"c"}}`:             "invalid",
		"{" + many.String()[1:] + "}": "invalid",
	} {
		asked = nil

		p := s.call(http.MethodPatch, path, body).problem(http.StatusBadRequest)
		if p.Code != code || asked != nil {
			t.Errorf("%s: %+v, changed %v", body, p, asked)
		}
	}

	s.call(http.MethodPatch, path+"?x=1", `{}`).problem(http.StatusBadRequest)
	s.call(http.MethodPut, path, `{}`).problem(http.StatusMethodNotAllowed)
}
