package main

import (
	"slices"
	"strings"
	"testing"

	"coremachine/internal/view"
)

// TestKeysAndTagsReachTheAPI covers the flags of submit and jobs, and the command
// that changes tags.
func TestKeysAndTagsReachTheAPI(t *testing.T) {
	t.Parallel()

	tagged := `{"job_id":"` + idA + `","tags":{"b":"x y","env":"prod"}}`

	for _, c := range []struct {
		name    string
		args    []string
		request string // that is sent last
		out     string
	}{
		{
			"submit",
			[]string{"submit", "hello_world", "--key", "a/1", "--tag", "env=prod", "--tag", "q=a=b, c"},
			"POST /jobs/submit/hello_world?key=a%2F1&tag.env=prod&tag.q=a%3Db%2C+c {}", "",
		},
		{
			"jobs",
			[]string{"jobs", "--tag", "env=prod", "--param", "n=5", "--param", "filter.prefix=a"},
			"GET /jobs?limit=50&param.filter.prefix=a&param.n=5&tag.env=prod", "",
		},
		{
			"tag",
			[]string{"tag", idA, "env=prod", "b=x y", "--remove", "old"},
			"PATCH /jobs/" + idA + `/tags {"b":"x y","env":"prod","old":null}`, "b=x y env=prod\n",
		},
		{"show", []string{"tag", idA}, "PATCH /jobs/" + idA + "/tags {}", "b=x y env=prod\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			fake := full(t).on("PATCH /jobs/"+idA+"/tags", answer(200, tagged))

			got := fake.run(outside{}, c.args...)
			if got.code != exitOK || c.out != "" && got.out != c.out {
				t.Errorf("got %+v", got)
			}

			if seen := fake.requests(); !slices.Contains(seen, c.request) {
				t.Errorf("sent %q, want %q", seen, c.request)
			}
		})
	}

	for _, args := range [][]string{
		{"submit", "hello_world", "--tag", "env"},
		{"submit", "hello_world", "--tag", "env="},
		{"submit", "hello_world", "--tag", "env=a", "--tag", "env=b"},
		{"jobs", "--param", "=5"},
		{"tag", idA, "env"},
		{"tag", idA, "env=a", "-r", "env"},
	} {
		if got := full(t).run(outside{}, args...); got.code != exitUsage {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

// TestKeysAndTagsAreShown prints the key and the tags of a job, with characters
// that a terminal must not get.
func TestKeysAndTagsAreShown(t *testing.T) {
	t.Parallel()

	job := jobWithTags()
	fake := newAPI(t).
		on("GET /jobs", answer(200, page("", job.JobSummary))).
		on("GET /jobs/status/"+idA, answer(200, job))

	tty := outside{tty: true, width: 140, env: map[string]string{"NO_COLOR": "1"}}
	if got := fake.run(tty, "status", idA); !strings.Contains(got.out+got.err, "KEY  night/1  TAGS  a=b") ||
		strings.Contains(got.out, "\x1b") {
		t.Errorf("status: %+v", got)
	}

	if got := fake.run(tty, "jobs"); !strings.Contains(got.out, "KEY AND TAGS") ||
		!strings.Contains(got.out, "night/1 a=b") || strings.Contains(got.out, "\x1b") {
		t.Errorf("jobs: %+v", got)
	}

	got := fake.run(outside{}, "jobs")
	if fields := strings.Split(strings.TrimSuffix(got.out, "\n"), "\t"); len(fields) != 13 || fields[9] != "night/1" ||
		!strings.HasPrefix(fields[10], "a=b") || strings.Contains(got.out, "\x1b") {
		t.Errorf("jobs for other programs: %q", got.out)
	}
}

func jobWithTags() view.JobView {
	job := view.JobView{JobSummary: view.JobSummary{
		JobID: mustID(idA), JobType: "hello_world", Status: "queued", Attempt: 1, CreatedAt: testNow,
		RunKey: "night/1", Tags: map[string]string{"a": "b\x1b[31m", "c": "d"},
	}}
	job.Stages = []view.StageView{}

	return job
}
