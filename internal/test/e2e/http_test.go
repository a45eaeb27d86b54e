package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"coremachine/internal/api"
	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/view"
)

// overHTTP serves the API over the first process of an engine. The function
// that it returns calls the API. It returns the status and decodes the body
// into v.
func overHTTP(t *testing.T, e *enginetest.Engine) func(method, path, body string, v any) int {
	t.Helper()

	p := e.Process(0)
	h := api.NewJobWatcher(p.Repo.ReadVersions, nil)
	server := httptest.NewServer(
		api.New(api.Options{Engine: p.Machine, Reader: p.Repo, Dead: p.Queue, JobWatcher: h}),
	)

	t.Cleanup(func() {
		h.Close()
		server.Close()
	})

	return func(method, path, body string, v any) int {
		t.Helper()

		req, err := http.NewRequestWithContext(
			t.Context(),
			method,
			server.URL+"/api"+path,
			strings.NewReader(body),
		)
		if err != nil {
			t.Fatal(err)
		}

		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}

		defer func() { _ = resp.Body.Close() }()

		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}

		if v != nil {
			if err := json.NewDecoder(bytes.NewReader(text)).Decode(v); err != nil {
				t.Fatalf("%s %s: %v: %s", method, path, err, text)
			}
		}

		return resp.StatusCode
	}
}

type submitted struct {
	JobID   state.JobID     `json:"job_id"`
	Status  state.JobStatus `json:"status"`
	Attempt int             `json:"attempt"`
	Created bool            `json:"created"`
	Plan    []coremachine.PlannedStage
}

type items[T any] struct {
	Items []T `json:"items"`
}

func TestJobLifecycleOverHTTP(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestJobLifecycleOverHTTP) {
		return
	}

	e := enginetest.Start(t, enginetest.Options{Jobs: jobs.All, Handlers: handlers.All})
	call := overHTTP(t, e)

	var sub submitted
	if code := call("POST", "/jobs/submit/hello_world?dry_run=true", `{"n":5}`, &sub); code != 200 ||
		len(sub.Plan) != 2 || *sub.Plan[1].Tasks != 5 {
		t.Errorf("a dry run: %d %+v", code, sub)
	}

	if code := call("POST", "/jobs/submit/hello_world", `{"n":5}`, &sub); code != 202 || !sub.Created ||
		sub.Attempt != 1 {
		t.Errorf("submit: %d %+v", code, sub)
	}

	var job view.JobView

	id := sub.JobID.String()
	if code := call("GET", "/jobs/status/"+id+"?wait=60s", "", &job); code != 200 ||
		job.Status != state.JobCompleted {
		t.Fatalf("wait: %d %+v", code, job)
	}

	if job.Tasks != (view.TaskCounts{Total: 10, Completed: 10}) || *job.Progress != 1 ||
		len(job.Result) == 0 ||
		job.Stages[1].DependsOn[0] != "greeting" {
		t.Errorf("the job is %+v", job)
	}

	if code := call("POST", "/jobs/submit/hello_world", `{"n":5}`, &sub); code != 200 || sub.Created ||
		sub.Status != state.JobCompleted {
		t.Errorf("submit again: %d %+v", code, sub)
	}

	var task view.TaskView
	if code := call("GET", "/jobs/"+id+"/tasks/reply/3", "", &task); code != 200 ||
		task.Follows.Stage != "greeting" || len(task.Result) == 0 {
		t.Errorf("a task: %d %+v", code, task)
	}

	var events items[view.EventView]
	if code := call("GET", "/jobs/"+id+"/events", "", &events); code != 200 || len(events.Items) < 5 ||
		!slices.ContainsFunc(events.Items, func(e view.EventView) bool { return e.Kind == "created" }) {
		t.Errorf("events: %d %+v", code, events)
	}

	for _, route := range []string{"POST /jobs/cancel/", "POST /jobs/retry/"} {
		method, path, _ := strings.Cut(route, " ")
		if code := call(method, path+id, "", nil); code != 409 {
			t.Errorf("%s of a completed job: %d", route, code)
		}
	}

	if code := call("POST", "/jobs/submit/hello_world?rerun=true", `{"n":5}`, &sub); code != 202 ||
		sub.Created || sub.Attempt != 2 {
		t.Errorf("rerun: %d %+v", code, sub)
	}

	call("GET", "/jobs/status/"+id+"?wait=60s", "", &job)

	if code := call("DELETE", "/jobs/"+id, "", nil); code != 204 {
		t.Errorf("delete: %d", code)
	}

	if code := call("GET", "/jobs/status/"+id, "", nil); code != 404 {
		t.Errorf("a deleted job: %d", code)
	}

	e.MustSatisfyInvariants()
}

func TestShowAndRetryFailuresOverHTTP(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestShowAndRetryFailuresOverHTTP) {
		return
	}

	var mended atomic.Bool

	fn := func(_ context.Context, t handlers.Task, in workIn) (workOut, error) {
		if t.Index%4 == 1 && !mended.Load() {
			return workOut{}, handlers.Permanent(fmt.Errorf("tile %d is broken", t.Index))
		}

		return workOut(in), nil
	}
	job := tolerant(
		define.Stage[params]{Name: "first", Tasks: dynamic()},
		define.Stage[params]{Name: "second", Tasks: follow()},
	)
	e := start(t, enginetest.Options{Jobs: map[string]define.Job{"tiles": job}, Handlers: handlersOf(fn)})
	call := overHTTP(t, e)

	var sub submitted
	call("POST", "/jobs/submit/tiles", `{"n":12}`, &sub)
	id := sub.JobID.String()

	var got view.JobView
	if call("GET", "/jobs/status/"+id+"?wait=60s", "", &got); got.Status != state.JobCompletedWithErrors {
		t.Fatalf("the job is %+v", got)
	}

	want := []view.ErrorGroup{
		{Stage: "first", Message: "tile 1 is broken", Outcome: state.OutcomePermanent, Index: 1, Count: 3},
	}
	if diff := cmp.Diff(want, got.Errors, cmpopts.IgnoreFields(view.ErrorGroup{}, "Fingerprint")); diff != "" {
		t.Error(diff)
	}

	var failed items[view.TaskSummary]
	if call("GET", "/jobs/"+id+"/tasks?status=failed", "", &failed); len(failed.Items) != 3 ||
		failed.Items[2].Index != 9 || failed.Items[2].Error != "tile 9 is broken" ||
		failed.Items[2].Code != state.CodePermanent {
		t.Errorf("failed tasks are %+v", failed)
	}

	var task view.TaskView
	if call("GET", "/jobs/"+id+"/tasks/first/5", "", &task); len(task.Attempts) != 1 ||
		!task.Attempts[0].Final || task.Attempts[0].Outcome != state.OutcomePermanent {
		t.Errorf("a failed task is %+v", task)
	}

	var events items[view.EventView]
	if call("GET", "/jobs/"+id+"/events?kind=task_failed&stage=first", "", &events); len(events.Items) != 3 ||
		events.Items[0].Message == "" || events.Items[0].Attempt != 1 {
		t.Errorf("events are %+v", events)
	}

	mended.Store(true)

	var again struct {
		Attempt, Tasks, Stages int
	}
	if code := call("POST", "/jobs/retry/"+id, "", &again); code != 202 || again.Attempt != 2 ||
		again.Tasks != 3 {
		t.Errorf("retry: %d %+v", code, again)
	}

	if call("GET", "/jobs/status/"+id+"?wait=60s", "", &got); got.Status != state.JobCompleted ||
		len(got.Errors) != 0 || got.Tasks.Completed != 24 {
		t.Errorf("the job is %+v", got)
	}

	var sweep view.SweepView
	if code := call("POST", "/sweeps", "", &sweep); code != 200 || sweep.EndedAt == nil || sweep.Error != "" {
		t.Errorf("a sweep: %d %+v", code, sweep)
	}

	var types items[coremachine.JobType]
	if call("GET", "/jobs/types", "", &types); len(types.Items) != 1 ||
		types.Items[0].Stages[1].DependsOn[0] != "first" || !json.Valid(types.Items[0].Schema) {
		t.Errorf("types are %+v", types)
	}
}

func TestWatchAndCancelRunningJobOverHTTP(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestWatchAndCancelRunningJobOverHTTP) {
		return
	}

	hold := make(chan struct{})
	fn := func(ctx context.Context, t handlers.Task, in workIn) (workOut, error) {
		if t.Index > 0 {
			select {
			case <-hold:
			case <-ctx.Done():
				return workOut{}, ctx.Err()
			}
		}

		return workOut(in), nil
	}
	job := jobOf(define.Stage[params]{Name: "first", Tasks: dynamic(), Bundle: 1})
	// All tasks have a slot. The order of starts is not guaranteed, so task 0,
	// the only one that ends, need not be among the first two that start.
	e := start(
		t,
		enginetest.Options{Jobs: map[string]define.Job{"slow": job}, Handlers: handlersOf(fn), InFlight: 20},
	)
	t.Cleanup(func() { close(hold) })
	call := overHTTP(t, e)

	var sub submitted
	call("POST", "/jobs/submit/slow", `{"n":20}`, &sub)
	id := sub.JobID.String()

	var got view.JobView
	for version := "0.0.0"; got.Tasks.Completed < 1 || got.Tasks.Running < 1; version = got.Version {
		call("GET", "/jobs/status/"+id+"?wait=1s&since="+version, "", &got)

		if got.Status.Ended() {
			t.Fatalf("the job is %+v", got)
		}
	}

	// In this order, a task that starts meanwhile is in both lists.
	var queued, running items[view.TaskSummary]
	call("GET", "/jobs/"+id+"/tasks?status=queued", "", &queued)
	call("GET", "/jobs/"+id+"/tasks?status=running", "", &running)

	if len(running.Items) < 1 || len(running.Items)+len(queued.Items) < 18 || running.Items[0].Attempt != 1 ||
		running.Items[0].StartedAt == nil {
		t.Errorf("%d run: %+v; %d wait", len(running.Items), running.Items, len(queued.Items))
	}

	if code := call("POST", "/jobs/submit/slow?rerun=true", `{"n":20}`, nil); code != 409 {
		t.Errorf("rerun of a running job: %d", code)
	}

	if code := call("DELETE", "/jobs/"+id, "", nil); code != 409 {
		t.Errorf("delete of a running job: %d", code)
	}

	if code := call("POST", "/jobs/cancel/"+id, "", nil); code != 202 {
		t.Errorf("cancel: %d", code)
	}

	if call("GET", "/jobs/status/"+id+"?wait=60s", "", &got); got.Status != state.JobCancelled ||
		got.Tasks.Completed != 1 || got.Tasks.Cancelled != 19 {
		t.Errorf("the job is %+v", got)
	}

	var list items[view.JobSummary]
	if call("GET", "/jobs?status=cancelled&type=slow&since=1h", "", &list); len(list.Items) != 1 ||
		list.Items[0].JobID != sub.JobID {
		t.Errorf("the list is %+v", list)
	}
}
