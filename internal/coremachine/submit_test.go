package coremachine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

func TestHelloWorldRepliesQuoteTheirOwnGreeting(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestHelloWorldRepliesQuoteTheirOwnGreeting) {
		return
	}

	e := enginetest.Start(t, enginetest.Options{Jobs: jobs.All, Handlers: handlers.All})
	job := e.Run("hello_world", `{"n":1000,"message":"Hi"}`).MustBe(t, state.JobCompleted)
	job.Stage(t, "greeting").MustHave(t, 1000, 0)
	job.Stage(t, "reply").MustHave(t, 1000, 0)

	for i, raw := range e.Results(job.ID, "reply") {
		var r handlers.ReplyOutput
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}

		if want := fmt.Sprintf("Replying to: Hi from task %d!", i); r.Reply != want || r.TaskIndex != i {
			t.Errorf("task %d replied %q as %d, want %q", i, r.Reply, r.TaskIndex, want)
		}
	}

	var result jobs.HelloWorldResult
	if err := json.Unmarshal(job.Result, &result); err != nil {
		t.Fatal(err)
	}

	if len(result.Greetings) != 1000 || len(result.Replies) != 1000 ||
		result.Replies[999].Reply != "Replying to: Hi from task 999!" {
		t.Errorf("the result holds %d greetings and %d replies", len(result.Greetings), len(result.Replies))
	}

	e.MustSatisfyInvariants()
}

func TestRandomFailuresAreRetriedUntilComplete(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestRandomFailuresAreRetriedUntilComplete) {
		return
	}

	e := enginetest.Start(t, enginetest.Options{Jobs: jobs.All, Handlers: handlers.All})
	e.Run("hello_world", `{"n":1000,"failure_rate":0.3}`).MustBe(t, state.JobCompleted)

	var failed, tasks int

	err := e.Pool().
		QueryRow(t.Context(), `
			select count(*), count(distinct (stage, index)) from attempts where outcome = 'error' and not final`).
		Scan(&failed, &tasks)
	if err != nil {
		t.Fatal(err)
	}
	// 2,000 tasks at 0.3: 857 failed attempts on average, with a deviation of
	// 35.
	if failed < 640 || failed > 1080 || tasks > failed {
		t.Errorf("%d attempts of %d tasks failed, want about 857", failed, tasks)
	}

	job := e.Run("hello_world", `{"n":2,"failure_rate":1}`).MustBe(t, state.JobFailed)
	if job.Error == nil || job.Error.Code != state.CodeTasksFailed || job.Error.Stage != "greeting" {
		t.Errorf("the job's error is %+v", job.Error)
	}

	e.MustSatisfyInvariants()
}

func TestSubmitIsIdempotent(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestSubmitIsIdempotent) {
		return
	}

	e := enginetest.Start(t, enginetest.Options{Jobs: jobs.All, Handlers: handlers.All, Processes: 2})

	var (
		created, started atomic.Int64
		wg               sync.WaitGroup
	)
	for i := range 32 {
		wg.Go(func() {
			res, err := e.Process(i%2).Machine.Submit(
				t.Context(),
				coremachine.SubmitRequest{Type: "hello_world", Body: []byte(`{"n":2}`)},
			)
			if err != nil {
				t.Error(err)
			}

			if res.Created {
				created.Add(1)
			}

			if res.Started {
				started.Add(1)
			}
		})
	}

	wg.Wait()

	if created.Load() != 1 || started.Load() != 1 {
		t.Errorf(
			"%d of 32 submits created the job and %d started it, want one",
			created.Load(),
			started.Load(),
		)
	}

	id := e.Submit("hello_world", `{"message":"Hello World","n":2}`)

	job := e.Wait(id).MustBe(t, state.JobCompleted)
	if job.Attempt != 1 {
		t.Errorf("the job is at attempt %d", job.Attempt)
	}

	res, err := e.Process(0).Machine.Submit(
		t.Context(),
		coremachine.SubmitRequest{Type: "hello_world", Body: []byte(`{"n":2}`), Rerun: true},
	)
	if err != nil || !res.Started || res.Created || res.Attempt != 2 {
		t.Fatalf("rerun: %+v, %v", res, err)
	}

	again := e.Wait(id).MustBe(t, state.JobCompleted)
	if s := again.Stage(t, "reply"); s.Gen != 2 {
		t.Errorf("a rerun left gen %d", s.Gen)
	}

	e.MustSatisfyInvariants()
}

func TestSubmitRejectsInvalidRequests(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t, enginetest.Options{Jobs: jobs.All, Handlers: handlers.All, Dispatch: modeOf(t)})

	_, err := e.Process(0).Machine.Submit(t.Context(), coremachine.SubmitRequest{Type: "nope"})
	if state.CodeOf(err) != state.CodeUnknownJobType ||
		!strings.Contains(err.Error(), "Unknown job type: nope. Available: [") {
		t.Errorf("unknown type: %v", err)
	}

	_, err = e.Process(0).Machine.Submit(
		t.Context(),
		coremachine.SubmitRequest{Type: "hello_world", Body: []byte(`{"n":0,"colour":"red"}`)},
	)
	if state.CodeOf(err) != state.CodeInvalid ||
		!strings.Contains(err.Error(), "n: 0 is below the minimum 1") ||
		!strings.Contains(err.Error(), "colour: unknown") {
		t.Errorf("bad parameters: %v", err)
	}

	var n int
	if err := e.Pool().QueryRow(t.Context(), `select count(*) from jobs`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows were written, %v", n, err)
	}
}
