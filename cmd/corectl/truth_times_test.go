package main

import (
	"regexp"
	"strings"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

// TestDurationsAreSplitAndEqual has a job whose only stage was ready for 1.3 s
// before a worker claimed a task.
func TestDurationsAreSplitAndEqual(t *testing.T) {
	t.Parallel()

	v := newViews(t)
	id := rows.Insert(t, v.pool, rows.Job{
		Status: state.JobCompleted,
		Stages: []rows.Stage{{Name: "only", Status: state.StageCompleted, Planned: 10, Dispatched: 10, Completed: 10}},
	})
	v.exec(`update jobs set created_at = '2026-11-20 10:00:00Z', last_submitted_at = '2026-11-20 10:00:00Z',
		started_at = '2026-11-20 10:00:01.3Z', finished_at = '2026-11-20 10:00:05.5Z'`)
	v.exec(`update stages set started_at = '2026-11-20 10:00:00Z', first_claimed_at = '2026-11-20 10:00:01.3Z',
		finished_at = '2026-11-20 10:00:05.5Z'`)

	r := v.record(id)
	same(t, "waited", "1.3 s",
		fact{"the header of the job", r.job, `<span>waited (.*?)</span>`},
		fact{"the table of stages", r.job, `<td data-label="Waited"[^>]*>(.*?)</td>`},
		fact{"the timeline", r.job, `<title>waited (.*?)</title>`},
		fact{"the timeline as a table", r.job, `To">.*?<td data-label="Waited"[^>]*>(.*?)</td>`},
		fact{"the page of the stage", r.stage, `<span>waited (.*?)</span>`},
		fact{"corectl status", r.status, `(?m)^hello_world .*?waited (1.3 s)`},
		fact{"the stages of corectl status", r.status, `(?m)^only .*? (1.3 s) `},
	)
	same(t, "ran", "4.2 s",
		fact{"the header of the job", r.job, `<span>ran (.*?)</span>`},
		fact{"the figures of the job", r.job, `<dt>Ran</dt><dd>(.*?)</dd>`},
		fact{"the table of stages", r.job, `<td data-label="Ran"[^>]*>(.*?)</td>`},
		fact{"the graph", r.job, `class="note" x="200"[^>]*>([^<]*)`},
		fact{"the timeline", r.job, `class="note" x="1000"[^>]*>([^<]*)`},
		fact{"the timeline as a table", r.job, `To">.*?<td data-label="Ran"[^>]*>(.*?)</td>`},
		fact{"the page of the stage", r.stage, `<span>ran (.*?)</span>`},
		fact{"the list of jobs", r.jobs, `<td data-label="Ran"[^>]*>(.*?)</td>`},
		fact{"corectl status", r.status, `(?m)^hello_world .*?ran (4.2 s)`},
		fact{"the stages of corectl status", r.status, `(?m)^only .*? (4.2 s)`},
		fact{"corectl jobs", r.corectlJobs, `hello_world .*? (4.2 s)`},
	)
	same(t, "rate", "2.4/s",
		fact{"the header of the job", r.job, `<dt>Average rate</dt><dd>(.*?)</dd>`},
		fact{"corectl status", r.status, `(?m)^only .*? (2.4/s)`},
	)
	same(t, "seconds", "1.300 4.200",
		fact{"corectl status in a pipe", r.statusPipe, `(?m)^job\t.*?\t([\d.]+\t[\d.]+)$`},
		fact{"the stages of corectl status in a pipe", r.statusPipe, `(?m)^stage\t.*?\t([\d.]+\t[\d.]+)$`},
	)
}

// TestRunBeforeARetryStaysRan has a stage that ran 10 minutes, was retried 3
// hours later, and is queued.
func TestRunBeforeARetryStaysRan(t *testing.T) {
	t.Parallel()

	v := newViews(t)
	id := rows.Insert(t, v.pool, rows.Job{
		Status: state.JobQueued,
		Stages: []rows.Stage{{Name: "only", Planned: 10, Dispatched: 10, Completed: 9}},
	})
	v.exec(`
		update jobs
		set attempt = 2, created_at = now() - interval '4 h', last_submitted_at = now() - interval '1 m'
	`)
	v.exec(`update stages set started_at = now() - interval '1 m', earlier_runs = json_build_array(json_build_object(
		'first_claimed_at', now() - interval '4 h', 'finished_at', now() - interval '230 m'))`)

	job := v.page("/jobs/" + id.String())
	piece := regexp.MustCompile(`<rect class="(?:f-\w+ run|wait)".*?<title>(.*?)</title>`)
	pieces := piece.FindAllStringSubmatch(job, -1)

	if len(pieces) != 2 || pieces[0][1] != "ran 10 m 00 s before a retry" ||
		!strings.HasPrefix(pieces[1][1], "waited 1 m ") {
		t.Errorf("the timeline shows %q, want the first run and then the wait", pieces)
	}
}
