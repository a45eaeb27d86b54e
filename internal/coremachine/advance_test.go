package coremachine_test

import (
	"context"
	"testing"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// TestDiamondBranchesEndTogether runs jobs whose two branches end at the same
// time, usually in two processes. The two transactions decide whether the last
// stage starts, or whether the job has ended. Each holds a counter that the
// other one is about to decrement.
func TestDiamondBranchesEndTogether(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestDiamondBranchesEndTogether) {
		return
	}

	const each = 150 // in each mode

	var branches meeting

	fn := func(ctx context.Context, t handlers.Task, in workIn) (workOut, error) {
		if t.Stage == "left" || t.Stage == "right" {
			branches.wait(ctx, t.JobID, 2)
		}

		return workOut(in), nil
	}
	fork := []define.Stage[params]{
		{Name: "root", Tasks: single()},
		{Name: "left", Tasks: single()},
		{Name: "right", Tasks: single(), DependsOn: []string{"root"}},
	}
	join := define.Stage[params]{Name: "join", Tasks: fanIn(), DependsOn: []string{"left", "right"}}
	e := start(t, enginetest.Options{
		Jobs:     map[string]define.Job{"two_sinks": jobOf(fork...), "diamond": jobOf(append(fork, join)...)},
		Handlers: handlersOf(fn), Processes: 4,
	})

	ids := submitMany(t, e, each, 1, "diamond", "two_sinks")
	for _, id := range ids {
		e.Wait(id).MustBe(t, state.JobCompleted)
	}

	if t.Logf("%d of %d pairs of branches ended together", branches.met, 2*each); branches.met < each/5 {
		t.Errorf("too few pairs ended together: %d", branches.met)
	}

	mustCount(t, e, each*(4+3),
		`select count(*) from tasks where status = 'completed' and attempt = 1 and gen = 1`,
	)
	mustCount(t, e, each*(4+3), `select count(*) from tasks`)
	mustCount(t, e, each*(4+3), `select count(*) from events where kind = 'stage_started'`)
	mustCount(t, e, 2*each, `select count(*) from events where kind = 'job_ended'`)
	mustCount(t, e, 0, `select count(*) from attempts`)
}
