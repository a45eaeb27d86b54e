package upgrade

import (
	"net/http"
	"testing"
)

// TestTheReleaseCannotEndAJobWithoutItsFinallyStages cancels a job with a finally
// stage while only the release runs, which does not know finally stages. The
// database keeps the job open until this build runs and ends the stage.
func TestTheReleaseCannotEndAJobWithoutItsFinallyStages(t *testing.T) {
	t.Parallel()

	old, now, ok := handlers(t)
	if !ok {
		return
	}

	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, transport)
			first := w.start(t, old)
			id := first.submit(params("finally", 0, 0.5))

			// No job of the handlers has a finally stage. The condition of this one
			// skips it, so that no build has to declare it.
			if _, err := w.pool.Exec(t.Context(), `
				with job as (
				  update jobs set finally_stages = 1, pending_stages = pending_stages + 1
				  where finished_at is null
				  returning job_id
				)
				insert into stages (
				  job_id, stage, name, task_type, kind, queue, depends_on, skip, expected,
				  pending_dependencies, finally, tolerance
				)
				select job_id, 20, 'clean', 'clean', 'single', 2, '{}', true, 1, 1, true, 1
				from job`); err != nil {
				t.Fatal(err)
			}

			await(t, func() bool {
				return w.count(t, `select count(*) from tasks where attempt > 0`) > 0
			})
			first.call(http.MethodPost, "/jobs/cancel/"+id, "", &struct{}{})
			await(t, func() bool {
				return w.count(t, `select count(*) from jobs where outcome = 'cancelled'`) == 1
			})

			if n := w.count(t, `select count(*) from jobs where finished_at is not null`); n != 0 {
				t.Error("the release has ended the job")
			}

			http.DefaultClient.CloseIdleConnections()
			first.stop()

			second := w.start(t, now)
			await(t, func() bool {
				return w.count(t, `select count(*) from jobs where status = 'cancelled'`) == 1
			})

			if n := w.count(t, `select count(*) from stages where name = 'clean' and status = 'skipped'`); n != 1 {
				t.Error("the finally stage did not end")
			}

			http.DefaultClient.CloseIdleConnections()
			second.stop()
		})
	}
}
