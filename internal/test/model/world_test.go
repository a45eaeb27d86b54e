package model

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// world is one sequence: its jobs, its processes and the state of the
// reference.
type world struct {
	t     *rapid.T
	pool  *pgxpool.Pool
	queue *pgqueue.Queue // the local transport, as operators use it
	slots []*slot
	procs []*process        // by slot
	specs [builds][]jobSpec // by build and number of the job type

	started int
	seen    []state.Message // delivered envelopes, which can be delivered again

	mu     sync.Mutex
	jobs   map[state.JobID]*job
	banned state.JobID // a job that was cancelled before the current delivery
	broken string      // a violation that a handler detected
}

// job is the state of a job in the reference.
type job struct {
	spec      jobSpec // of the build that started the run
	willSpec  jobSpec // of the run that an unanswered request may have started
	params    params
	attempt   int
	status    state.JobStatus
	healed    bool // no task of this run fails
	willHeal  bool // no task fails in the run that an unanswered request may have started
	mayStart  bool // a request to start a run was sent
	mayGo     bool // a request to delete the job was sent
	marked    bool // the deletion has begun
	cancelled bool // a request to cancel was sent
	stopped   bool // the cancel request succeeded
}

func typeName(i int) string { return "job" + strconv.Itoa(i) }

func typeNumber(name string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "job"))
	if err != nil {
		panic(err)
	}

	return n
}

// isHealed reports whether all tasks of a job's current run succeed. If a
// request may have started a run that the reference has not seen yet, the
// database decides which run it is, because work of the previous run may still
// be in flight.
func (w *world) isHealed(ctx context.Context, id state.JobID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()

	j, ok := w.jobs[id]
	if !ok {
		return false
	}

	if !j.mayStart || j.willHeal == j.healed {
		return j.healed
	}

	var attempt int

	err := w.pool.QueryRow(ctx, `select attempt from jobs where job_id = $1`, id[:]).Scan(&attempt)
	if err != nil || attempt == j.attempt {
		return j.healed
	}

	return j.willHeal
}

// base is shared by sequences that run one after another: a schema and pools.
type base struct {
	pool  *pgxpool.Pool
	queue *pgqueue.Queue
	slots []*slot
}

func newBase(t *testing.T) *base {
	t.Helper()
	url := pgtest.URL(t)
	b := &base{}

	for range 2 {
		s := &slot{}

		r, err := repo.Open(
			context.Background(),
			repo.Config{URL: url, MaxConns: 3, RetryChunk: 2, Fault: s.fault},
		)
		if err != nil {
			t.Fatal(err)
		}

		t.Cleanup(r.Close)
		s.repo = r
		b.slots = append(b.slots, s)
	}

	r, err := repo.Open(context.Background(), repo.Config{URL: url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(r.Close)
	b.pool = r.Pool()
	b.queue = pgqueue.New(b.pool, pgqueue.Options{})
	t.Cleanup(b.queue.Close)

	if err := enginetest.LogStatusChanges(context.Background(), b.pool); err != nil {
		t.Fatal(err)
	}

	if _, err := b.pool.Exec(context.Background(), logCounters); err != nil {
		t.Fatal(err)
	}

	return b
}

func newWorld(t *rapid.T, b *base) *world {
	w := &world{t: t, pool: b.pool, queue: b.queue, slots: b.slots, jobs: map[state.JobID]*job{}}
	w.exec(
		`delete from messages; delete from tasks; delete from stages; delete from jobs; delete from attempts;
		delete from events; delete from workers; delete from sweeps; delete from result_parts;
		delete from task_logs;
		delete from status_log; delete from raised`,
	)

	for range rapid.IntRange(1, 2).Draw(t, "types") {
		spec := drawSpec(t)
		w.specs[0] = append(w.specs[0], spec)
		w.specs[1] = append(w.specs[1], spec.nextBuild(t))
	}

	for _, s := range w.slots {
		w.procs = append(w.procs, w.start(s, w.drawSettings()))
	}

	return w
}

func (w *world) exec(sql string, args ...any) {
	if _, err := w.pool.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// messages returns the messages that a transport could deliver now.
func (w *world) messages() []state.Message {
	rows, err := w.pool.Query(
		context.Background(),
		`select job_id, message_id, queue, kind, stage, gen, first, count, attempt, send
		from messages where worker_id is null and dead_reason is null order by job_id, message_id`,
	)
	if err != nil {
		w.t.Fatal(err)
	}

	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (state.Message, error) {
		m := state.Message{V: state.EnvelopeVersion}

		var id []byte

		err := row.Scan(
			&id,
			&m.MessageID,
			&m.Queue,
			&m.Kind,
			&m.Stage,
			&m.Gen,
			&m.First,
			&m.Count,
			&m.Attempt,
			&m.Send,
		)
		copy(m.JobID[:], id)

		return m, err
	})
	if err != nil {
		w.t.Fatal(err)
	}

	return all
}

// replaceDead replaces every process that died in the last step. The lease of a
// dead process ends in a separate step.
func (w *world) replaceDead() {
	for i, p := range w.procs {
		if p.dead.Load() {
			w.replace(i)
		}
	}
}

func (w *world) replace(i int) {
	w.procs[i].stop(w)
	w.procs[i] = w.start(w.slots[i], w.drawSettings())
}

func (w *world) stop() {
	for i, p := range w.procs {
		p.stop(w)
		w.slots[i].now.Store(nil)
	}
}
