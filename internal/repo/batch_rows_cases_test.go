package repo_test

import (
	"fmt"
	"testing"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

func (b *batches) testHandBack(t *testing.T) {
	id, worker, held := heldMessages(t, b.pool, "hand-back", 2000, 10)
	b.withRows(t, id, 20_000)

	known := make([]state.Message, 1000)
	for i := range known {
		if i < 20 {
			held[i].Queue = state.QueueTasks
			if _, err := b.repo.Split(t.Context(), worker, held[i], held[i].First+5, 5); err != nil {
				t.Fatal(err)
			}
		}

		known[i] = state.Message{JobID: held[i].JobID, MessageID: held[i].MessageID}
	}

	n, _, err := b.repo.ReleaseForgotten(t.Context(), worker, known, -time.Hour)
	if err != nil || n != 1000 {
		t.Errorf("%d messages were released, want 1000; %v", n, err)
	}
}

func (b *batches) testComplete(t *testing.T) {
	id, worker, held := heldMessages(t, b.pool, "complete-rows", 1000, 10)
	b.withRows(t, id, 10_000)

	for _, status := range []state.TaskStatus{state.TaskCompleted, state.TaskQueued, state.TaskFailed} {
		ends := make([]state.TaskEnd, 500)
		for i := range ends {
			h := &held[i]

			ends[i] = state.TaskEnd{
				JobID:     h.JobID,
				MessageID: h.MessageID,
				Attempt:   h.Attempt,
				Gen:       1,
				Index:     h.First,
				Status:    status,
				StartedAt: time.Now(),
			}
			if status == state.TaskCompleted {
				ends[i].Result = []byte(`{}`)
			} else {
				ends[i].Log = &state.TaskLog{Incarnation: 1, Lines: []byte(`[]`)}
				ends[i].Outcome = state.OutcomeError
				ends[i].Code = state.CodeTaskError
				ends[i].Error = "x"
				ends[i].Delay = time.Hour
			}

			h.First++
		}

		effects, err := b.repo.Complete(t.Context(), state.LocalCapacity{Worker: worker}, ends)
		if err != nil || effects.Landed != len(ends) {
			t.Errorf("%s: %d ends landed, want %d; %v", status, effects.Landed, len(ends), err)
		}
	}
}

func (b *batches) testPurge(t *testing.T) {
	const n = 12_000

	id := rows.Insert(
		t,
		b.pool,
		rows.Job{Seed: "purge", Status: state.JobFailed, Error: `{"code":"permanent"}`, Stages: []rows.Stage{{
			Name: "many", Status: state.StageFailed, Planned: n, Dispatched: n, Failed: n,
		}}},
	)
	exec(
		t,
		b.pool,
		fmt.Sprintf(
			`insert into events (job_id, kind) select '\x%x', 'stage_ended' from generate_series(1, %d)`,
			id[:],
			n,
		),
	)
	exec(t, b.pool, fmt.Sprintf(`insert into result_parts (job_id, stage, gen, index, attempt, part, data)
		select '\x%x', 0, 1, i, 1, 0, '1' from generate_series(1, %d) i`, id[:], n))
	exec(t, b.pool, fmt.Sprintf(`insert into task_logs (job_id, stage, gen, index, incarnation, attempt, lines)
		select job_id, 0, 1, i, incarnation, 1, '[]' from jobs, generate_series(1, %d) i where job_id = '\x%x'`,
		n, id[:]))
	exec(
		t,
		b.pool,
		fmt.Sprintf(
			`insert into messages (job_id, queue, kind) select '\x%x', 2, 2 from generate_series(1, %d) i`,
			id[:],
			n,
		),
	)

	incarnation, landed, err := b.repo.PurgeMark(t.Context(), id)
	if err != nil || !landed {
		t.Fatal(landed, err)
	}

	for done := false; !done; {
		var n int
		if n, done, err = b.repo.Purge(
			t.Context(),
			state.JobRef{JobID: id, Incarnation: incarnation},
		); err != nil ||
			n > 10_000 {
			t.Fatal(n, err)
		}
	}
}

func (b *batches) testSuperseded(t *testing.T) {
	const n = 12_000

	id := rows.Insert(t, b.pool, rows.Job{
		Seed: "superseded", Status: state.JobFailed, Error: `{"code":"permanent"}`, Stages: []rows.Stage{{
			Name: "many", Status: state.StageFailed, Gen: 2, Planned: n, Dispatched: n, Failed: n,
		}},
	})
	b.withRows(t, id, n) // of the past generation
	exec(t, b.pool, fmt.Sprintf(`insert into attempts (job_id, stage, gen, index, attempt, outcome, error)
		select '\x%x', 0, 1, i, 1, 'error', 'x' from generate_series(1, %d) i`, id[:], n))
	exec(t, b.pool, fmt.Sprintf(`insert into result_parts (job_id, stage, gen, index, attempt, part, data)
		select '\x%x', 0, 1, i, 1, 0, '1' from generate_series(1, %d) i`, id[:], n))
	exec(t, b.pool, fmt.Sprintf(`insert into task_logs (job_id, stage, gen, index, incarnation, attempt, lines)
		select '\x%x', 0, 1, i, 1, 1, '[]' from generate_series(1, %d) i`, id[:], n))

	deleted := 0

	for done := false; !done; {
		var (
			rows int
			err  error
		)
		if rows, done, err = b.repo.PurgeSuperseded(t.Context(), state.StageRef{JobID: id, Gen: 2}); err != nil ||
			rows > 10_000 {
			t.Fatal(rows, err)
		}

		deleted += rows
	}

	if deleted != 4*n {
		t.Errorf("%d rows were deleted, want %d", deleted, 4*n)
	}
}
