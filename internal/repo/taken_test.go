package repo_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
)

// claimAll claims all messages of tasks that no worker holds, of any job.
func (h *manualJob) claimAll(worker uuid.UUID) []state.ClaimedMessage {
	h.t.Helper()

	rows, err := h.Pool().Query(h.t.Context(), `select job_id, message_id from messages
		where kind = 2 and (worker_id is null or worker_id = $1)`, worker)
	if err != nil {
		h.t.Fatal(err)
	}

	msgs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m state.Message, err error) {
		var id []byte

		err = row.Scan(&id, &m.MessageID)
		m.JobID = state.JobID(id)

		return m, err
	})
	if err != nil {
		h.t.Fatal(err)
	}

	claimed, err := h.Claim(h.t.Context(), worker, msgs)
	if err != nil || len(claimed) != len(msgs) {
		h.t.Fatalf("%d of %d messages were claimed; %v", len(claimed), len(msgs), err)
	}

	return claimed
}

// claimFirst claims the message of the first stage that has one.
func (h *manualJob) claimFirst(worker uuid.UUID) state.ClaimedMessage {
	h.t.Helper()

	claimed := h.claimAll(worker)
	for _, m := range claimed {
		if m.Stage < claimed[0].Stage {
			claimed[0] = m
		}
	}

	return claimed[0]
}

// TestShortPathTakesWhatItStarts returns the messages that it claimed with what
// their tasks follow.
func TestShortPathTakesWhatItStarts(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":10}`, ten, define.Stage[params]{Name: "next", Tasks: follow(), Bundle: 4})
	local := state.LocalCapacity{Worker: h.a, Room: 100, Reserve: func() bool { return true }}

	effects, err := h.Complete(t.Context(), local, wholeEnds(h.claim(h.a, state.KindTasks, 1)[0]))
	if err != nil {
		t.Fatal(err)
	}

	h.path(0)

	if len(effects.Taken) != 2 || !effects.Queues[state.QueueTasks-1] {
		t.Fatalf("%d messages were taken, want 2, and the queue of the third is to be woken: %v",
			len(effects.Taken), effects.Queues)
	}

	for i := range effects.Taken {
		got := &effects.Taken[i]
		if p := got.Predecessors; p == nil || len(p.Results) != 4 || !p.Whole ||
			string(p.Results[got.First+1]) != fmt.Sprintf(`{"value":%d}`, got.First+1) {
			t.Errorf("message %d follows %+v", i, p)
		}
	}

	h.asClaimed(effects.Taken)
}

// TestShortPathOfAnotherProcess takes the short path in a process that did not
// submit the job, once it has read the job. It also takes what it starts.
func TestShortPathOfAnotherProcess(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":10}`, ten, define.Stage[params]{Name: "next", Tasks: follow(), Bundle: 4}, tenSum)

	var sent statements

	other, err := repo.Open(t.Context(), repo.Config{URL: h.url, MaxConns: 1, Fault: sent.at})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()

	held := h.claim(h.a, state.KindTasks, 1)[0]
	if _, _, err := other.Job(t.Context(), h.id); err != nil {
		t.Fatal(err)
	}

	local := state.LocalCapacity{Worker: h.a, Room: 100, Reserve: func() bool { return true }}

	effects, err := other.Complete(t.Context(), local, wholeEnds(held))
	if err != nil || sent.take("complete_stages") != 1 || sent.take("complete") != 0 || len(effects.Taken) != 3 {
		t.Fatalf("%d messages were taken along the path %v; %v", len(effects.Taken), sent.seen, err)
	}

	h.asClaimed(effects.Taken)
}

// asClaimed fails the test if a claim returns messages otherwise.
func (h *manualJob) asClaimed(taken []state.ClaimedMessage) {
	h.t.Helper()

	for i, got := range taken {
		again, err := h.Claim(h.t.Context(), h.a, []state.Message{{JobID: h.id, MessageID: got.MessageID}})
		if err != nil || len(again) != 1 {
			h.t.Fatalf("message %d was not claimed; %v", i, err)
		}

		got.Predecessors = nil

		if diff := cmp.Diff(again[0], got, cmpopts.EquateEmpty()); diff != "" {
			h.t.Errorf("message %d is not as a claim returns it (-claim +taken):\n%s", i, diff)
		}
	}
}

// TestSubmitTakesWhatItStarts returns the messages that a submit claimed as a
// claim does.
func TestSubmitTakesWhatItStarts(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":10}`, ten)
	local := state.LocalCapacity{Worker: h.a, Room: 100, Reserve: func() bool { return true }}
	spec := state.JobSpec{
		JobID: state.JobID{1}, JobType: "job", Params: []byte(`{"n":10}`), HasResult: true, Traceparent: "trace",
		Stages: []state.StageSpec{
			{
				Name: "first", TaskType: "echo", Kind: state.Dynamic, Queue: state.QueueLongTasks,
				Expected: 10, Window: 7, Bundle: 4,
			},
			{
				Name: "second", TaskType: "echo", Kind: state.MatchPrevious, Queue: state.QueueTasks,
				DependsOn: []int16{0}, Dependencies: []string{"first"}, Expected: -1, Window: 10,
			},
		},
	}

	outcomes, effects, err := h.Submit(t.Context(), []state.JobSpec{spec, spec}, 0, local)
	if err != nil || len(effects.Taken) != 2 ||
		!cmp.Equal(outcomes, []state.SubmitOutcome{state.SubmitCreated, state.SubmitFound}) {
		t.Fatalf("%d messages were taken, outcomes %v; %v", len(effects.Taken), outcomes, err)
	}

	h.id = spec.JobID
	h.asClaimed(effects.Taken)
	h.count(7, `select sum(tasks_left) from messages where queue = 3`)
	h.count(1, `select sum(jobs_started) from trend_counts`)
	h.count(1, `select count(*) from jobs where status = 'running' and started_at is not null`)
}

// TestSubmitOfAnExistingJobWritesNothing submits a job that exists together with
// one that does not.
func TestSubmitOfAnExistingJobWritesNothing(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":10}`, ten)
	specs := make([]state.JobSpec, 2)

	for i := range specs {
		specs[i] = state.JobSpec{
			JobID: state.JobID{byte(i + 1)}, JobType: "job", Params: []byte(`{}`),
			Stages: []state.StageSpec{{
				Name: "only", TaskType: "echo", Kind: state.Single, Queue: state.QueueTasks, Expected: 1, Window: 1,
			}},
		}
	}

	for n := range specs {
		outcomes, _, err := h.Submit(t.Context(), specs[:n+1], 0, state.LocalCapacity{})
		if err != nil || outcomes[n] != state.SubmitCreated || n > 0 && outcomes[0] != state.SubmitFound {
			t.Fatalf("outcomes %v; %v", outcomes, err)
		}
	}

	h.count(3, `select count(*) from stages`)
	h.count(3, `select count(*) from messages`)
	h.count(3, `select count(*) from events where kind = 'created'`)
}
