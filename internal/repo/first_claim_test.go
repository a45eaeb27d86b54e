package repo_test

import (
	"slices"
	"testing"
	"time"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// stageOf reads the only stage of the job.
func (h *manualJob) stageOf() view.StageView {
	h.t.Helper()

	job, err := h.ReadJob(h.t.Context(), h.id)
	if err != nil {
		h.t.Fatal(err)
	}

	return job.Stages[0]
}

// claimed checks when the first task of the stage was claimed.
func (h *manualJob) claimed(when string, want time.Time) {
	h.t.Helper()

	got := h.stageOf().FirstClaimedAt
	if got == nil || !got.Equal(want) {
		h.t.Errorf("%s: the first claim was at %v, want %v", when, got, want)
	}
}

func TestFirstClaimOfAStageIsKept(t *testing.T) {
	t.Parallel()

	h := newManualJob(t, `{"n":2}`, define.Stage[params]{Name: "only", Tasks: dynamic()})

	if got := h.stageOf().FirstClaimedAt; got != nil {
		t.Errorf("the first claim was at %v, but nothing was claimed", got)
	}

	held := h.claim(h.a, state.KindTasks, 2)
	first := slices.MinFunc(held, func(a, b state.ClaimedMessage) int { return a.ClaimedAt.Compare(b.ClaimedAt) })
	h.claimed("while both are held", first.ClaimedAt)

	for _, m := range held {
		if m.MessageID != first.MessageID {
			h.complete(h.a, 1, end(m, m.First))
		}
	}

	h.claimed("while the first is held", first.ClaimedAt)
	h.complete(h.a, 1, end(first, first.First))
	h.claimed("after the end", first.ClaimedAt)
}

func TestLostClaimIsTheFirst(t *testing.T) {
	t.Parallel()

	h := newManualJob(t, `{"n":1}`, define.Stage[params]{Name: "only", Tasks: dynamic()})
	lost := h.claim(h.a, state.KindTasks, 1)[0]
	h.lease(h.a, -time.Second)
	reclaimAll(t, h.Repo)

	again := h.claim(h.b, state.KindTasks, 1)[0]
	h.complete(h.b, 1, end(again, 0))
	h.claimed("after the second attempt", lost.ClaimedAt)
}

func TestRetryKeepsTheRunBeforeIt(t *testing.T) {
	t.Parallel()

	h := newManualJob(t, `{"n":2}`, define.Stage[params]{Name: "only", Tasks: dynamic()})
	held := h.claim(h.a, state.KindTasks, 2)
	first := slices.MinFunc(held, func(a, b state.ClaimedMessage) int { return a.ClaimedAt.Compare(b.ClaimedAt) })
	failed := retried(end(held[1], held[1].First))
	failed.Status = state.TaskFailed
	h.complete(h.a, 2, end(held[0], held[0].First), failed)

	before := h.stageOf()
	if _, err := h.m.Retry(t.Context(), h.id, "test", ""); err != nil {
		t.Fatal(err)
	}

	after := h.stageOf()
	if after.FirstClaimedAt != nil {
		t.Errorf("the first claim of the new run was at %v, but nothing was claimed", after.FirstClaimedAt)
	}

	if len(after.EarlierRuns) != 1 || !after.EarlierRuns[0].FirstClaimedAt.Equal(first.ClaimedAt) ||
		!after.EarlierRuns[0].FinishedAt.Equal(*before.FinishedAt) {
		t.Errorf("got earlier runs %v, want one from %v to %v", after.EarlierRuns, first.ClaimedAt, before.FinishedAt)
	}

	again := h.claim(h.b, state.KindTasks, 1)[0]
	h.complete(h.b, 1, end(again, again.First))
}
