package main

import (
	"regexp"
	"strings"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

func TestMissingMessageIsNamed(t *testing.T) {
	t.Parallel()

	v := newViews(t)
	id := rows.Insert(t, v.pool, rows.Job{
		Status: state.JobCompletedWithErrors,
		Stages: []rows.Stage{
			{Name: "only", Status: state.StageCompleted, Planned: 2, Dispatched: 2, Completed: 1, Failed: 1},
		},
	})
	v.exec(`update attempts set error = ''`)
	v.exec(`update tasks set error = '{"code":"permanent","message":""}' where status = 'failed'`)

	path := "/jobs/" + id.String()
	for view, text := range map[string]string{
		"the page of the job":       v.page(path),
		"the list of tasks":         v.page(path + "/stages/only?view=list"),
		"the page of the task":      v.page(path + "/stages/only/tasks/1"),
		"corectl tasks":             v.corectl(true, "tasks", id.String()),
		"corectl tasks in a pipe":   v.corectl(false, "tasks", id.String()),
		"corectl failures":          v.corectl(true, "failures", id.String()),
		"corectl status":            v.corectl(true, "status", id.String()),
		"corectl failures (a pipe)": v.corectl(false, "failures", id.String()),
	} {
		if !strings.Contains(text, "(no message)") || !strings.Contains(text, "permanent") {
			t.Errorf("%s does not say that there is no message, with the code", view)
		}

		if strings.Contains(text, `<code></code>`) || strings.Contains(text, `{&#34;code`) {
			t.Errorf("%s has an empty link, or shows JSON", view)
		}
	}
}

func TestFurtherKindsOfErrorsAreCounted(t *testing.T) {
	t.Parallel()

	v := newViews(t)
	id := rows.Insert(t, v.pool, rows.Job{
		Status: state.JobCompletedWithErrors,
		Stages: []rows.Stage{
			{Name: "only", Status: state.StageCompleted, Planned: 500, Dispatched: 500, Failed: 500},
		},
	})
	// Ten kinds of 50 tasks each.
	v.exec(`update attempts set error = 'cause ' || chr(97 + index / 50)`)

	page := v.page("/jobs/" + id.String())
	link := regexp.MustCompile(`<a[^>]* href="/api/ui([^"]*)">5 more kinds, 250 tasks</a>`).FindStringSubmatch(page)

	if link == nil {
		t.Fatal("the page of the job shows five of ten kinds and does not say so")
	}

	all := v.page(link[1])
	for kind := range 10 {
		if cause := "cause " + string(rune('a'+kind)); !strings.Contains(all, cause) {
			t.Errorf("the page of all kinds lacks %q", cause)
		}
	}

	status := v.corectl(true, "status", id.String())
	if !strings.Contains(status, "5 more kinds, 250 tasks: corectl failures "+id.String()[:4]) {
		t.Errorf("corectl status shows five of ten kinds and does not say so:\n%s", status)
	}
}
