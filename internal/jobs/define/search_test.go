package define

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

type searchedFilter struct {
	Prefix string  `json:"prefix" default:"" search:"true"`
	Size   *int64  `json:"size" search:"true"`
	Share  float64 `json:"share" default:"0.5" search:"true"`
}

type searchedParams struct {
	N      int            `json:"n" default:"1" search:"true"`
	Name   string         `json:"name" default:"a \"b\"" search:"true"`
	Plain  string         `json:"plain" default:""`
	Check  bool           `json:"check" default:"false" search:"true"`
	Since  time.Time      `json:"since" default:"2026-01-31T12:00:00Z" search:"true"`
	Filter searchedFilter `json:"filter"`
}

type searchedInput struct{}

const searchedTask handlers.TaskType[searchedInput, searchedInput] = "searched"

func searchedJob[P any]() Job {
	return Define(Definition[P]{Stages: []Stage[P]{
		{Name: "only", Tasks: Single(searchedTask, func(P) searchedInput { return searchedInput{} })},
	}})
}

// TestSearchTermsAreTheCanonicalValues reads the terms of parameters of all
// kinds, and leaves out what no filter can name.
func TestSearchTermsAreTheCanonicalValues(t *testing.T) {
	t.Parallel()

	job := searchedJob[searchedParams]()

	paths := []string{"n", "name", "check", "since", "filter.prefix", "filter.size", "filter.share"}
	if diff := cmp.Diff(paths, job.Searchable()); diff != "" {
		t.Error(diff)
	}

	for body, want := range map[string][]state.Term{
		`{}`: {
			{Name: "param.n", Value: "1"},
			{Name: "param.name", Value: `a "b"`},
			{Name: "param.check", Value: "false"},
			{Name: "param.since", Value: "2026-01-31T12:00:00Z"},
			{Name: "param.filter.share", Value: "0.5"},
		},
		`{"n":1e2,"name":"` + strings.Repeat("ä", 201) + `","check":true,` +
			`"filter":{"prefix":"null","size":9007199254740991}}`: {
			{Name: "param.n", Value: "100"},
			{Name: "param.check", Value: "true"},
			{Name: "param.since", Value: "2026-01-31T12:00:00Z"},
			{Name: "param.filter.prefix", Value: "null"},
			{Name: "param.filter.size", Value: "9007199254740991"},
			{Name: "param.filter.share", Value: "0.5"},
		},
	} {
		p, err := job.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(want, job.SearchTerms(p)); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}

// TestOnlyScalarsAreSearchable lists what is wrong with declarations.
func TestOnlyScalarsAreSearchable(t *testing.T) {
	t.Parallel()

	type wrong struct {
		List  []string          `json:"list" default:"[]" search:"true"`
		Map   map[string]string `json:"map" default:"{}" search:"true"`
		Inner searchedFilter    `json:"inner" search:"true"`
		Value int               `json:"value" default:"0" search:"yes"`
	}

	job := searchedJob[wrong]()
	text := strings.Join(job.problems, "\n")

	for _, want := range []string{
		"parameter list: only a string, a number or a boolean can be searchable",
		"parameter map: only a string",
		"parameter inner: only a string",
		`parameter value: the tag search is "yes"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no problem %q in\n%s", want, text)
		}
	}
}

// TestSchedulesDeclareTags checks the tags of a schedule, and that a schedule
// without tags has the declaration that it had before there were tags.
func TestSchedulesDeclareTags(t *testing.T) {
	t.Parallel()

	job := searchedJob[searchedParams]()
	jobs := map[string]Job{"searched": job}
	every := func(opts ...ScheduleOption) Schedule {
		return Every("0 3 * * *", "UTC", job, searchedParams{}, opts...)
	}

	tags := map[string]string{"env": "prod"}
	tagged := every(Tags(tags))
	tags["env"] = "test"

	if got := tagged.Declaration(jobs).Tags; len(got) != 1 || got["env"] != "prod" {
		t.Errorf("the tags are %v", got)
	}

	if text := every().Declaration(jobs).Text(); strings.Contains(text, "tags") {
		t.Errorf("a schedule without tags declares %s", text)
	}

	bad := CheckSchedules(map[string]Schedule{"nightly": every(Tags(map[string]string{"a b": "c"}))}, jobs)
	if len(bad) != 1 || !strings.Contains(bad[0], "tag.a b") {
		t.Errorf("problems: %q", bad)
	}
}
