package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

// fakeInputs computes {"n":INDEX}, except for task 2.
type fakeInputs struct{}

func (fakeInputs) TaskInput(
	_ context.Context, _ state.JobID, stage state.StageShape, index int,
) ([]byte, error) {
	if index == 2 {
		return nil, state.Errorf(
			state.CodeDefinitionChanged, "x", "this build declares %s in another way", stage.Name,
		)
	}

	return fmt.Appendf(nil, `{"n":%d}`, index), nil
}

// logged inserts log lines of attempts of task 3.
const logged = `
insert into task_logs (job_id, stage, gen, index, incarnation, attempt, dropped, lines)
select job_id, 0, 1, 3, incarnation, a, a - 1, convert_to($1, 'utf8') from jobs, generate_series(1, 2) a`

func TestTaskHasItsInputLogAndLinks(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{}, func(o *api.Options) {
		o.Inputs = fakeInputs{}
		o.TraceURL = "https://logs.example.com/?t={trace_id}&s={stage}&i={index}&a={attempt}"
	})
	id := rows.Insert(t, s.pool, running())
	base := "/jobs/" + id.String() + "/tasks/greeting/"

	rows.InsertMessage(t, s.pool, id, rows.Message{First: 5, Count: 5, Held: true})

	for _, sql := range []string{
		`update jobs set traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'`,
		`update messages set progress = '{"6":{"fraction":0.256,"note":"one of four"}}'`,
	} {
		if _, err := s.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}

	line := `[{"at":"2026-01-31T12:00:00Z","level":"WARN","text":"\\x1b[31m <b>"}]`
	if _, err := s.pool.Exec(t.Context(), logged, line); err != nil {
		t.Fatal(err)
	}

	task := get[view.TaskView](s, base+"3")
	if string(task.Input) != `{"n":3}` || !task.InputComputed || task.InputError != "" {
		t.Errorf("got the input %s, %q", task.Input, task.InputError)
	}

	const trace = "https://logs.example.com/?t=4bf92f3577b34da6a3ce929d0e0e4736&s=greeting&i=3&a="
	if task.TraceURL != trace || len(task.Attempts) == 0 || task.Attempts[0].TraceURL != trace+"1" {
		t.Errorf("got the links %q and %+v", task.TraceURL, task.Attempts)
	}

	if job := get[view.JobView](s, "/jobs/status/"+id.String()); !strings.HasSuffix(job.TraceURL, "&s=&i=&a=") {
		t.Errorf("got the link %q of the job", job.TraceURL)
	}

	task = get[view.TaskView](s, base+"2")
	if task.Input != nil && string(task.Input) != "null" ||
		task.InputError != "this build declares greeting in another way" {
		t.Errorf("got the input %s, %q", task.Input, task.InputError)
	}

	logs := get[page[view.TaskLogView]](s, base+"3/logs").Items
	if len(logs) != 2 || logs[0].Attempt != 2 || logs[0].Dropped != 1 || logs[1].Attempt != 1 ||
		len(logs[1].Lines) != 1 || logs[1].Lines[0].Text != `\x1b[31m <b>` {
		t.Errorf("got the logs %+v", logs)
	}

	if logs := get[page[view.TaskLogView]](s, base+"0/logs").Items; len(logs) != 0 {
		t.Errorf("got the logs %+v", logs)
	}

	s.call(http.MethodGet, base+"10/logs", nil).problem(http.StatusNotFound)
	s.call(http.MethodGet, base+"x/logs", nil).problem(http.StatusBadRequest)
	s.call(http.MethodGet, base+"3/logs?limit=1", nil).problem(http.StatusBadRequest)

	// Progress is in the lists of running tasks and of all tasks.
	for _, query := range []string{"?status=running", ""} {
		found := false

		for _, task := range get[page[view.TaskSummary]](s, "/jobs/"+id.String()+"/tasks"+query).Items {
			if task.Index == 6 && task.Progress != nil {
				found = *task.Progress == state.TaskProgress{Fraction: 0.256, Note: "one of four"}
			} else if task.Progress != nil {
				t.Errorf("%q: task %d has the progress %+v", query, task.Index, *task.Progress)
			}
		}

		if !found {
			t.Errorf("%q: the progress of task 6 is missing", query)
		}
	}
}
