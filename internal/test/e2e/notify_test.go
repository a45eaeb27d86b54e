package e2e_test

import (
	"testing"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestEveryEndOfAJobIsRecordedForItsCallback ends jobs in each way that the
// engine knows. Each leaves one notification, whose status is that of the job.
func TestEveryEndOfAJobIsRecordedForItsCallback(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestEveryEndOfAJobIsRecordedForItsCallback) {
		return
	}

	const callback = "https://hooks.example.com/x"

	e := enginetest.Start(t, enginetest.Options{Jobs: jobs.All, Handlers: handlers.All})
	submit := func(params string, rerun bool) state.JobID {
		t.Helper()

		url := callback
		if rerun {
			url = "" // a rerun replaces the URL
		}

		res, err := e.Process(0).Machine.Submit(t.Context(), coremachine.SubmitRequest{
			Type: "hello_world", Body: []byte(params), CallbackURL: url, Rerun: rerun,
		})
		if err != nil {
			t.Fatal(err)
		}

		return res.JobID
	}
	recorded := func(id state.JobID) (statuses string) {
		t.Helper()

		if err := e.Pool().QueryRow(t.Context(), `select coalesce(string_agg(data->>'status', ' ' order by attempt), '')
			from notifications where job_id = $1 and callback_url = $2`, id[:], callback).Scan(&statuses); err != nil {
			t.Fatal(err)
		}

		return statuses
	}

	for params, want := range map[string]state.JobStatus{
		`{"n":3}`:                   state.JobCompleted,
		`{"n":4,"failure_rate":1}`:  state.JobFailed,
		`{"n":2,"message":"again"}`: state.JobCompleted,
	} {
		id := submit(params, false)
		e.Wait(id).MustBe(t, want)

		if got := recorded(id); got != string(want) {
			t.Errorf("%s: recorded %q, want %q", params, got, want)
		}
	}

	id := submit(`{"n":3}`, true)
	e.Wait(id).MustBe(t, state.JobCompleted)

	if got := recorded(id); got != "completed" {
		t.Errorf("after a rerun without a callback: recorded %q, want one end", got)
	}
}
