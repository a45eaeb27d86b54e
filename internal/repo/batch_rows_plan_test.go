package repo_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

// batches is what the cases of TestMaximumBatchOverExistingRows share.
type batches struct {
	repo *repo.Repo
	pool *pgxpool.Pool
}

// withRows inserts n tasks of the job's first stage that have no row yet.
func (b *batches) withRows(t *testing.T, id state.JobID, n int) {
	t.Helper()
	exec(t, b.pool, fmt.Sprintf(`insert into tasks (job_id, stage, gen, index, status)
		select job_id, 0, 1, i, 'queued' from jobs, generate_series(0, %d - 1) i
		where job_id = '\x%x' on conflict do nothing`, n, id[:]))
}

// holder claims a new message of a kind for a worker of its own.
func (b *batches) holder(t *testing.T, id state.JobID, kind state.MessageKind) (uuid.UUID, state.ClaimedMessage) {
	t.Helper()

	worker := uuid.New()
	if err := b.repo.OpenLease(t.Context(), worker, time.Hour, "test", "test", 1); err != nil {
		t.Fatal(err)
	}

	h := state.ClaimedMessage{JobID: id, Kind: kind, Gen: 1, Attempt: 1, Count: 1}

	err := b.pool.QueryRow(t.Context(), `insert into messages (job_id, queue, kind, attempt, worker_id, claimed_at)
		values ($1, 1, $2, 1, $3, now()) returning message_id`, id[:], int(kind), worker).
		Scan(&h.MessageID)
	if err != nil {
		t.Fatal(err)
	}

	return worker, h
}

func (b *batches) count(t *testing.T, sql string, id state.JobID) (n int) {
	t.Helper()

	if err := b.pool.QueryRow(t.Context(), sql, id[:]).Scan(&n); err != nil {
		t.Fatal(err)
	}

	return n
}

const cancelledTasks = `select count(*) from tasks where job_id = $1 and status = 'cancelled'`

// stop ends all work of a job and returns how many tasks the largest
// transaction ended.
func (b *batches) stop(t *testing.T, id state.JobID, includeHeld bool) (largest int) {
	t.Helper()
	exec(t, b.pool, fmt.Sprintf(`update jobs set cancel_requested_at = now() where job_id = '\x%x'`, id[:]))

	worker, h := b.holder(t, id, state.KindStop)
	for ended := 0; ; {
		n, err := b.repo.StopWork(t.Context(), worker, h, includeHeld)
		if err != nil {
			t.Fatal(err)
		}

		if n == 0 {
			return largest
		}

		all := b.count(t, cancelledTasks, id)
		largest, ended = max(largest, all-ended), all
	}
}

// TestMaximumBatchOverExistingRows is TestAMaximumBatchReadsItsOwnRows for
// statements over tasks that have rows, as after a retry or a loss.
func TestMaximumBatchOverExistingRows(t *testing.T) { //nolint:tparallel // its cases share a connection and take turns
	t.Parallel()

	seen, r, pool := watchPlans(t)
	b := &batches{r, pool}
	bystander, _, _ := heldMessages(t, pool, "bystander", 1000, 10)
	b.withRows(t, bystander, 10_000)

	for _, tt := range []struct {
		name string
		run  func(*batches, *testing.T)
	}{
		{"Stop", (*batches).testStop},
		{"StopOfLargeMessages", (*batches).testStopLarge},
		{"StopUndispatched", (*batches).testStopUndispatched},
		{"Reopen", (*batches).testReopen},
		{"Plan", (*batches).testPlan},
		{"HandBackAndForget", (*batches).testHandBack},
		{"Complete", (*batches).testComplete},
		{"Purge", (*batches).testPurge},
		{"Superseded", (*batches).testSuperseded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.run(b, t)
		})
	}

	seen.mu.Lock()
	defer seen.mu.Unlock()

	if seen.err != nil || seen.count < 40 {
		t.Errorf("saw %d plans, %v", seen.count, seen.err)
	}

	for text, problem := range seen.worst { //nolint:paralleltest // the cases above take turns
		t.Errorf("%.100s…\n%s", text, problem)
	}
}

// stopTasks is how many tasks one statement of a stop may end.
const stopTasks = 5000

func (b *batches) testStop(t *testing.T) {
	for _, held := range []bool{false, true} {
		id, _, _ := heldMessages(t, b.pool, fmt.Sprintf("stop%t", held), 1000, 10)
		if !held {
			exec(
				t,
				b.pool,
				fmt.Sprintf(
					`update messages set worker_id = null, claimed_at = null where job_id = '\x%x'`,
					id[:],
				),
			)
		}

		b.withRows(t, id, 10_000)

		if largest := b.stop(t, id, held); largest != stopTasks {
			t.Errorf("held %t: the largest transaction ended %d tasks, want %d", held, largest, stopTasks)
		}

		if n := b.count(t, cancelledTasks, id); n != 10_000 {
			t.Errorf("held %t: %d tasks were cancelled, want all", held, n)
		}
	}
}

// testStopLarge stops messages that have more tasks than one statement may end.
func (b *batches) testStopLarge(t *testing.T) {
	id, _, _ := heldMessages(t, b.pool, "stop-large", 3, 12_001)
	b.withRows(t, id, 6000) // the others have no row
	exec(
		t,
		b.pool,
		fmt.Sprintf(`update tasks set status = 'completed', attempt = 1, result = '1', finished_at = now()
		where job_id = '\x%x' and index between 100 and 499`, id[:]),
	)
	exec(t, b.pool, fmt.Sprintf(`update stages set completed = 400 where job_id = '\x%x'`, id[:]))
	exec(
		t,
		b.pool,
		fmt.Sprintf(
			`update messages set tasks_left = count - 400 where job_id = '\x%x' and first = 0`,
			id[:],
		),
	)

	if largest := b.stop(t, id, true); largest > stopTasks {
		t.Errorf("the largest transaction ended %d tasks, want at most %d", largest, stopTasks)
	}

	if n := b.count(t, cancelledTasks, id); n != 3*12_001-400 {
		t.Errorf("%d tasks were cancelled, want %d", n, 3*12_001-400)
	}

	if n := b.count(t, `select cancelled from stages where job_id = $1`, id); n != 3*12_001-400 {
		t.Errorf("the stage says that %d tasks were cancelled, want %d", n, 3*12_001-400)
	}
}

func (b *batches) testStopUndispatched(t *testing.T) {
	for _, existing := range []int{0, 20_000} {
		id := rows.Insert(t, b.pool, rows.Job{
			Seed:   fmt.Sprint("undispatched", existing),
			Status: state.JobRunning,
			Stages: []rows.Stage{{Name: "many", Planned: 20_000}},
		})
		b.withRows(t, id, existing)

		if largest := b.stop(t, id, false); largest != stopTasks {
			t.Errorf("the largest transaction ended %d tasks, want %d", largest, stopTasks)
		}

		if n := b.count(t, cancelledTasks, id); n != 20_000 {
			t.Errorf("%d tasks were cancelled, want all", n)
		}
	}
}

func (b *batches) testReopen(t *testing.T) {
	const n = 20_001

	id := rows.Insert(t, b.pool, rows.Job{
		Seed: "reopen", Status: state.JobFailed, Error: `{"code":"permanent"}`, Stages: []rows.Stage{
			{
				Name:       "many",
				Status:     state.StageFailed,
				Planned:    n,
				Dispatched: n,
				Failed:     n / 2,
				Cancelled:  n - n/2,
			},
		},
	})
	small := rows.Insert(t, b.pool, rows.Job{
		Seed: "retry", Status: state.JobFailed, Error: `{"code":"permanent"}`, Stages: []rows.Stage{{
			Name: "many", Status: state.StageFailed, Planned: 10_000, Dispatched: 10_000, Failed: 10_000,
		}},
	})
	exec(t, b.pool, `update stages set bundle = 100 where bundle = 0`)

	for _, id := range []state.JobID{small, id} { // in one statement, and range by range
		if _, landed, _, err := b.repo.Retry(t.Context(), id, "", ""); err != nil || !landed {
			t.Fatal(landed, err)
		}
	}

	var h state.ClaimedMessage

	h.JobID, h.Kind, h.Gen, h.Attempt = id, state.KindReopen, 1, 1
	worker := uuid.New()

	err := b.pool.QueryRow(t.Context(),
		`update messages set worker_id = $2, claimed_at = now(), attempt = 1 where job_id = $1
		returning message_id`, id[:], worker).
		Scan(&h.MessageID)
	if err != nil {
		t.Fatal(err)
	}

	for first, planned := 0, 1; first < planned; {
		next, all, landed, err := b.repo.ExpandRetry(t.Context(), worker, h, first)
		if err != nil || !landed {
			t.Fatal(landed, err)
		}

		first, planned = next, all
	}

	if _, err := b.repo.ExpandRetryEnd(t.Context(), worker, h); err != nil {
		t.Fatal(err)
	}

	if n := b.count(t, `select sum(count) from messages where job_id = $1`, id); n < 1000 {
		t.Errorf("%d tasks were dispatched, want a window of them", n)
	}
}

func (b *batches) testPlan(t *testing.T) {
	const n = 10_000

	before := rows.Stage{
		Name:       "first",
		Status:     state.StageCompleted,
		Planned:    n,
		Dispatched: n,
		Completed:  n / 2,
		Failed:     n / 2,
	}
	for _, kind := range []state.Parallelism{state.Dynamic, state.MatchPrevious, state.FanOut} {
		id := rows.Insert(
			t,
			b.pool,
			rows.Job{Seed: "plan" + string(kind), Status: state.JobRunning, Stages: []rows.Stage{
				before,
				{Name: "many", Kind: kind, DependsOn: []int16{0}, Status: state.StageRunning, Planning: true},
			}},
		)
		worker, h := b.holder(t, id, state.KindPlan)
		h.Stage, h.Shape = 1, kind

		var (
			landed bool
			err    error
		)

		for range 2 { // the second is a repeat, which costs no more
			if kind == state.FanOut {
				inputs := make([][]byte, n)
				for i := range inputs {
					inputs[i] = []byte(`{}`)
				}

				landed, err = b.repo.PlanInputs(t.Context(), worker, h, inputs)
			} else {
				landed, err = b.repo.PlanComputed(t.Context(), worker, h, n)
			}

			if err != nil || !landed {
				t.Fatal(kind, landed, err)
			}
		}

		h.Planned = n
		if _, err := b.repo.PlanEnd(t.Context(), state.LocalCapacity{Worker: worker}, h); err != nil {
			t.Fatal(err)
		}

		if n := b.count(t, `select sum(count) from messages where job_id = $1`, id); n < 1000 {
			t.Errorf("%s: %d tasks were dispatched, want a window of them", kind, n)
		}
	}
}
