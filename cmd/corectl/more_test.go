package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// paged answers a list of three pages: its cursors are the numbers of pages.
func paged(w http.ResponseWriter, r *http.Request) {
	next := map[string]string{"": "2", "2": "3"}[r.URL.Query().Get("cursor")]
	answer(200, page(next, run3(state.JobCompleted).JobSummary))(w, r)
}

func TestMoreContinuesTheLastListWithItsFilters(t *testing.T) {
	t.Parallel()

	fake := newAPI(t).on("GET /jobs", paged)
	o := outside{state: filepath.Join(t.TempDir(), "corectl")}
	run := func(code int, want string, args ...string) {
		t.Helper()

		got := fake.run(o, append(args, "--limit", "1")...)
		if got.code != code || !strings.Contains(got.err, want) {
			t.Errorf("%q: got %+v, want exit %d and %q", args, got, code, want)
		}
	}

	run(exitUsage, "there is no earlier list of http://", "jobs", "--more")
	run(exitOK, "more: add --more for the next page", "jobs", "--type", "hello_world", "--since", "1h")
	run(exitUsage, "had since=1h&type=hello_world.", "jobs", "--type", "other", "--more")
	run(exitUsage, "use either --more or --cursor", "jobs", "--cursor", "2", "--more")
	run(exitOK, "more: add --more", "jobs", "--more")
	run(exitOK, "", "jobs", "--type", "hello_world", "--since", "1h", "--more")
	run(exitOther, "No more: the last list was complete.", "jobs", "--more")

	var cursors []string

	for _, request := range fake.requests() {
		_, query, list := strings.Cut(request, "?")
		if !list {
			continue // the job types, whose defaults the table leaves out
		}

		if !strings.Contains(query, "since=2026-11-23T13%3A02%3A30Z&type=hello_world") {
			t.Errorf("the filters are missing: %s", request)
		}

		cursor, _, _ := strings.Cut(query, "limit")
		cursors = append(cursors, cursor)
	}

	if diff := cmp.Diff([]string{"", "cursor=2&", "cursor=3&"}, cursors); diff != "" {
		t.Errorf("cursors of the requests: %s", diff)
	}
}

// TestMoreKeepsTheListsOfEachCommandApart lists jobs of two APIs, and tasks.
func TestMoreKeepsTheListsOfEachCommandApart(t *testing.T) {
	t.Parallel()

	o := outside{state: t.TempDir()}
	one, other := newAPI(t).on("GET /jobs", paged), newAPI(t).on("GET /jobs", paged)
	one.on("GET /jobs/"+idA+"/tasks", answer(200, page("9", view.TaskSummary{Stage: "a"})))

	for range 2 {
		one.run(o, "jobs", "--limit", "1")
		one.run(o, "tasks", idA, "--limit", "1")
		other.run(o, "jobs", "--limit", "1")
	}

	one.run(o, "jobs", "--more", "--limit", "1")
	one.run(o, "tasks", idA, "--more", "--limit", "1")

	seen := one.requests()
	if got, want := strings.Join(seen, " "), "cursor=2&limit=1 "; !strings.Contains(got, want) ||
		!strings.Contains(got, "/tasks?cursor=9&limit=1") {
		t.Errorf("got %s", got)
	}
}

func TestOnlyTheNewestListsAreKept(t *testing.T) {
	t.Parallel()

	fake, o := newAPI(t), outside{state: t.TempDir()}

	for i := range maxLists + 5 {
		id := fmt.Sprintf("%064x", i+1)
		fake.on("GET /jobs/"+id+"/tasks", answer(200, page("2", view.TaskSummary{Stage: "a"})))
		fake.run(o, "tasks", id, "--limit", "1")
	}

	lists := lastLists(o.state)
	if len(lists) != maxLists || !strings.Contains(lists[0].Path, fmt.Sprintf("%064x", maxLists+5)) {
		t.Errorf("got %d lists, the first of %s", len(lists), lists[0].Path)
	}
}
