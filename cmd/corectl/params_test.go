package main

import (
	"strings"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/view"
)

// nestedType is a type with parameters in objects, lists and a map.
func nestedType() state.JobType {
	job := fixtures.Jobs()["nested"]

	return state.JobType{
		Name:        "nested",
		Description: job.Description(),
		Schema:      job.Schema(),
		Searchable:  job.Searchable(),
		Stages:      []state.StageType{{Name: "work", Kind: state.Dynamic}},
	}
}

func nestedAPI(t *testing.T) *api {
	t.Helper()

	return newAPI(t).on("GET /jobs/types", answer(200, page("", helloWorld, nestedType()))).
		on("POST /jobs/submit/nested", answer(202, view.Submission{JobID: mustID(idA), JobType: "nested"}))
}

func TestTypesShowsNestedParameters(t *testing.T) {
	t.Parallel()

	for name, o := range map[string]outside{
		"types_nested":        {tty: true, width: 80, env: map[string]string{"NO_COLOR": "1"}},
		"types_nested_tabbed": {},
	} {
		got := nestedAPI(t).run(o, "types", "nested")
		if got.code != exitOK {
			t.Fatalf("got %+v", got)
		}

		compareGolden(t, name, got.out)
	}
}

func TestSubmitSendsNestedParameters(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		words string
		want  string
	}{
		{"owner.name=bob", `{"owner":{"name":"bob"}}`},
		{"owner.name=bob owner.team=data n=3", `{"owner":{"name":"bob","team":"data"},"n":3}`},
		{"bands=1,2,3", `{"bands":[1,2,3]}`},
		{"bands=1 bands=2", `{"bands":[1,2]}`},
		{"bands=[1,2] -p bands=3", `{"bands":[1,2,3]}`},
		{"formats=tif", `{"formats":["tif"]}`},
		{"window.left=4 labels.env=prod", `{"window":{"left":4},"labels":{"env":"prod"}}`},
		{"window=null", `{"window":null}`},
	} {
		fake := nestedAPI(t)

		got := fake.run(outside{}, append([]string{"submit", "nested"}, strings.Fields(c.words)...)...)
		if got.code != exitOK {
			t.Fatalf("%s: got %+v", c.words, got)
		}

		sent := "POST /jobs/submit/nested " + c.want
		if requests := fake.requests(); requests[len(requests)-1] != sent {
			t.Errorf("%s: got %s, want %s", c.words, requests[len(requests)-1], sent)
		}
	}

	for words, want := range map[string]string{
		"n=1 n=2":            "n occurs twice.",
		"n.x=1":              "n: the type is integer, which has no member x.",
		"owner.name.first=b": "owner.name: the type is string, which has no member first.",
		"owner.name=b":       "",
	} {
		got := nestedAPI(t).run(outside{}, append([]string{"submit", "nested"}, strings.Fields(words)...)...)
		if (got.code == exitUsage) != (want != "") || !strings.Contains(got.err, want) {
			t.Errorf("%s: got %+v, want %q", words, got, want)
		}
	}
}

// TestJobsShowGivenParameters lists a job of a known type, and of one that the
// service does not list.
func TestJobsShowGivenParameters(t *testing.T) {
	t.Parallel()

	known := run3(state.JobCompleted).JobSummary
	known.Parameters = []byte(`{"message":"Hello World","n":7}`)
	other := known
	other.JobType = "gone"
	fake := newAPI(t).
		on("GET /jobs/types", answer(200, page("", helloWorld))).
		on("GET /jobs", answer(200, page("", known, other)))

	wide := outside{tty: true, width: 160, env: map[string]string{"NO_COLOR": "1"}}
	for _, o := range []outside{wide, {}} {
		lines := strings.Split(strings.TrimSpace(fake.run(o, "jobs").out), "\n")
		if len(lines) < 2 {
			t.Fatalf("got %q", lines)
		}

		for i, want := range []string{"n=7", "'message=Hello World' n=7"} {
			line := strings.TrimSpace(lines[len(lines)-2+i])
			if !strings.HasSuffix(line, want) || strings.HasSuffix(line, "' n=7") != (i == 1) {
				t.Errorf("got %q, want %s at its end", line, want)
			}
		}
	}
}

func TestNestedParametersAgainstTheRealAPI(t *testing.T) {
	t.Parallel()

	server, o := realAPI(t), patient(t)

	got := server.run(o, "submit", "nested", "owner.name=bob", "bands=1,2", "window.left=3", "--watch")
	if got.code != exitOK {
		t.Fatalf("got %+v", got)
	}

	id := strings.TrimSpace(got.out)
	for _, c := range []struct {
		code int
		want string
		args string
	}{
		{exitOK, "\towner.name=bob bands=1,2 window.left=3\n", "jobs --type nested"},
		{exitOK, id, "jobs --param owner.name=bob"},
		{exitOK, "No job matches.", "jobs --param owner.name=eve"},
		{
			exitUsage, "param.owner.team: no job type declares this parameter as searchable; searchable parameters: ",
			"jobs --param owner.team=core",
		},
		{exitUsage, `owner.team: "x" is not one of: core, data`, "submit nested owner.team=x"},
		{exitUsage, `owner.nme: unknown; known: name, team`, "submit nested owner.nme=x"},
		{exitUsage, `bands[1]: "x" is not an integer`, "submit nested bands=1,x"},
		{exitUsage, `bands[0]: 17 is above the maximum 16`, "submit nested bands=17"},
		{exitUsage, `window.left: missing`, "submit nested window.width=5"},
		{exitUsage, `ownr.name: unknown; known: bands, formats`, "submit nested ownr.name=x"},
	} {
		got := server.run(o, strings.Fields(c.args)...)
		if got.code != c.code || !strings.Contains(got.out+got.err, c.want) {
			t.Errorf("%s: got %+v, want exit %d and %q", c.args, got, c.code, c.want)
		}
	}
}
