package repo_test

import (
	"testing"

	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
)

// interleave opens storage that runs other immediately before its first COMMIT,
// and commits once other waits for a row that it has locked. The function that
// it also returns waits for other and returns its error.
func (h *manualJob) interleave(other func() error) (first *repo.Repo, wait func() error) {
	h.t.Helper()

	done := make(chan error, 1)
	met := false

	first, err := repo.Open(
		h.t.Context(),
		repo.Config{URL: h.url, MaxConns: 1, Fault: func(point string) error {
			if point != "commit" || met {
				return nil
			}

			met = true

			go func() { done <- other() }()

			until(h.t, "the other transaction waits", func() bool {
				var n int

				err := h.Pool().
					QueryRow(h.t.Context(), `select count(*) from pg_locks w join pg_locks r using (pid)
				where not w.granted and r.granted
				and r.relation in ('messages'::regclass, 'stages'::regclass, 'jobs'::regclass)`).
					Scan(&n)

				return err == nil && n > 0
			})

			return nil
		}},
	)
	if err != nil {
		h.t.Fatal(err)
	}

	h.t.Cleanup(first.Close)

	return first, func() error { return <-done }
}

// TestCancelWaitsForConcurrentDispatch has a stop look for tasks without a
// message while a completion creates messages for some of them.
func TestCancelWaitsForConcurrentDispatch(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":6}`, define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: 1, Window: 2})

	claimed := h.claim(h.a, state.KindTasks, 2)
	if _, _, err := h.Cancel(t.Context(), h.id, "test"); err != nil {
		t.Fatal(err)
	}

	stop := h.claim(h.b, state.KindStop, 1)[0]

	first, wait := h.interleave(func() error {
		_, err := h.StopWork(t.Context(), h.b, stop, false)
		return err
	})

	ends := []state.TaskEnd{end(claimed[0], claimed[0].First)}

	effects, err := first.Complete(t.Context(), state.LocalCapacity{Worker: h.a}, ends)
	if err != nil || effects.Landed != 1 {
		t.Fatalf("%d ends landed, want 1; %v", effects.Landed, err)
	}

	if err := wait(); err != nil {
		t.Fatal(err)
	}

	h.count(1, `select count(*) from messages where kind = 2 and worker_id is null and first = 2`)
	h.count(3, `select cancelled from stages`)
}

// TestConcurrentRepeatOfBatchLandsOnce repeats a batch while its first try is
// committing. The repeat begins before it can see the rows of the tasks.
func TestConcurrentRepeatOfBatchLandsOnce(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":4}`, fourInABundle)
	claimed := h.claim(h.a, state.KindTasks, 1)[0]
	ends := []state.TaskEnd{end(claimed, 0), end(claimed, 1), retried(end(claimed, 2))}

	var again state.TransitionEffects

	first, wait := h.interleave(func() (err error) {
		again, err = h.Complete(t.Context(), state.LocalCapacity{Worker: h.a}, ends)
		return err
	})
	if effects, err := first.Complete(t.Context(), state.LocalCapacity{Worker: h.a}, ends); err != nil ||
		effects.Landed != 3 {
		t.Fatalf("%d ends landed, want 3; %v", effects.Landed, err)
	}

	if err := wait(); err != nil || again.Landed != 0 {
		t.Errorf("%d ends landed in the repeat; %v", again.Landed, err)
	}

	h.count(3, `select count(*) from tasks`)
	h.count(1, `select tasks_left from messages where worker_id is not null`)
	h.count(1, `select count(*) from attempts`)
}

// TestSecondBranchToCommitContinuesJob ends two branches in transactions that
// do not see each other's writes.
func TestSecondBranchToCommitContinuesJob(t *testing.T) {
	t.Parallel()

	arms := []define.Stage[params]{
		{Name: "left", Tasks: single()},
		{Name: "right", Tasks: single(), DependsOn: define.None},
	}

	join := define.Stage[params]{Name: "join", Tasks: fanIn(), DependsOn: []string{"left", "right"}}
	for name, c := range map[string]struct {
		stages []define.Stage[params]
		want   string
	}{
		"StartsStage": {append(arms, join), `select count(*) from messages where stage = 2 and kind = 2`},
		"EndsJob":     {arms, `select count(*) from jobs where status = 'completed'`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newManualJob(t, `{}`, c.stages...)
			claimed := h.claim(h.a, state.KindTasks, 2)

			first, wait := h.interleave(func() error {
				_, err := h.Complete(t.Context(), state.LocalCapacity{Worker: h.a}, []state.TaskEnd{end(claimed[1], 0)})
				return err
			})

			ends := []state.TaskEnd{end(claimed[0], 0)}
			if _, err := first.Complete(t.Context(), state.LocalCapacity{Worker: h.a}, ends); err != nil {
				t.Fatal(err)
			}

			if err := wait(); err != nil {
				t.Fatal(err)
			}

			h.count(1, c.want)
		})
	}
}

// TestConcurrentFailuresAreCounted ends two branches concurrently. The job
// tolerates a failed task of the first branch. The transaction of the second
// branch ends the job or starts the next stage, and must see that failure.
func TestConcurrentFailuresAreCounted(t *testing.T) {
	t.Parallel()

	arms := []define.Stage[params]{
		{Name: "left", Tasks: dynamic(), Bundle: 2},
		{Name: "right", Tasks: single(), DependsOn: define.None},
	}

	next := define.Stage[params]{Name: "next", Tasks: follow(), DependsOn: []string{"left", "right"}}
	for name, c := range map[string]struct {
		stages []define.Stage[params]
		want   string
	}{
		"AtJobEnd": {arms, `select count(*) from jobs where status = 'completed_with_errors'`},
		// A message plans the next stage, since some of its tasks follow a failure.
		"AtNextStage": {append(arms, next), `select count(*) from messages where stage = 2 and kind = 1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newManualJob(t, `{"n":2}`, c.stages...)
			claimed := h.claim(h.a, state.KindTasks, 2)
			first, wait := h.interleave(func() error {
				_, err := h.Complete(t.Context(), state.LocalCapacity{Worker: h.a}, []state.TaskEnd{end(claimed[1], 0)})
				return err
			})
			failed := end(claimed[0], 1)
			failed.Status = state.TaskFailed
			failed.Result = nil
			failed.Outcome = state.OutcomePermanent
			failed.Code = state.CodePermanent
			failed.Error = "permanent"

			ends := []state.TaskEnd{end(claimed[0], 0), failed}
			if _, err := first.Complete(t.Context(), state.LocalCapacity{Worker: h.a}, ends); err != nil {
				t.Fatal(err)
			}

			if err := wait(); err != nil {
				t.Fatal(err)
			}

			h.count(1, c.want)
		})
	}
}
