package repo_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/coremachine"
	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// statements records the statements that a Repo sends.
type statements struct {
	mu   sync.Mutex
	seen map[string]int
}

func (s *statements) at(point string) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.seen == nil {
		s.seen = map[string]int{}
	}

	s.seen[point]++

	return nil
}

// take returns how often a statement was sent since the last call for it.
func (s *statements) take(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()

	n := s.seen[name]
	s.seen[name] = 0

	return n
}

// wholeEnds returns the ends of all tasks of a message that covers its stage.
func wholeEnds(h state.ClaimedMessage) []state.TaskEnd {
	ends := make([]state.TaskEnd, h.Count)
	for i := range ends {
		ends[i] = end(h, h.First+i)
		ends[i].StageTotal = h.Total
		ends[i].Result = fmt.Appendf(nil, `{"value":%d}`, i)
	}

	return ends
}

// path fails the test if the short path was not tried once, or if the long path
// was taken more or less often than long.
func (h *manualJob) path(long int) {
	h.t.Helper()

	if n := h.sent.take("complete_stages"); n != 1 {
		h.t.Errorf("the short path was tried %d times, want 1", n)
	}

	if n := h.sent.take("complete"); n != long {
		h.t.Errorf("the long path was taken %d times, want %d", n, long)
	}
}

// change changes rows of the job while no statement of the engine runs.
func (h *manualJob) change(sql string) {
	h.t.Helper()

	if _, err := h.Pool().Exec(h.t.Context(), sql); err != nil {
		h.t.Fatal(err)
	}
}

var (
	ten     = define.Stage[params]{Name: "ten", Tasks: dynamic(), Bundle: 10}
	tenNext = define.Stage[params]{Name: "next", Tasks: follow(), DependsOn: []string{"ten"}}
	tenSum  = define.Stage[params]{Name: "sum", Tasks: fanIn(), DependsOn: []string{"ten"}}
)

// stored is everything that a job has left in the database, without times and
// identities.
const stored = `
select 'job ' || (
	to_jsonb(j) - '{incarnation,created_at,last_submitted_at,started_at,finished_at}'::text[] ||
	jsonb_build_object('started', started_at is not null, 'finished', finished_at is not null))::text
from jobs j
union all
select 'stage ' || (
	to_jsonb(s) - '{progressed_at,started_at,finished_at,first_claimed_at,failures_told_at}'::text[] ||
	jsonb_build_object('started', started_at is not null, 'finished', finished_at is not null,
		'claimed', first_claimed_at is not null))::text
from stages s
union all
select 'task ' || (to_jsonb(t) - '{started_at,finished_at}'::text[])::text from tasks t
union all
select 'message ' || (
	to_jsonb(m) - '{message_id,due_at,claimed_at,worker_id}'::text[] ||
	jsonb_build_object('held', worker_id is not null))::text
from messages m
union all
select 'event ' || (jsonb_build_object('place', row_number() over (order by event_id),
	'kind', kind, 'stage', stage, 'gen', gen, 'detail', detail))::text
from events
union all
select 'trend ' || jsonb_build_object('type', job_type, 'started', sum(jobs_started),
	'jobs', sum(jobs_completed), 'tasks', sum(tasks_completed), 'errors', sum(jobs_with_errors))::text
from trend_counts
group by job_type
order by 1`

func (h *manualJob) stored() []string {
	h.t.Helper()

	rows, err := h.Pool().Query(h.t.Context(), stored)
	if err != nil {
		h.t.Fatal(err)
	}

	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		h.t.Fatal(err)
	}

	return all
}

// TestShortPathWritesWhatTheLongPathWrites runs the same jobs along both paths,
// and compares all rows after each step.
func TestShortPathWritesWhatTheLongPathWrites(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		stages []define.Stage[params]
		room   int // of the process
	}{
		"OneStage":   {stages: []define.Stage[params]{ten}},
		"Chain":      {stages: []define.Stage[params]{ten, tenNext, {Name: "last", Tasks: follow()}}},
		"ChainTaken": {stages: []define.Stage[params]{ten, tenNext, {Name: "last", Tasks: follow()}}, room: 100},
		"TwoFollow":  {stages: []define.Stage[params]{ten, tenNext, tenSum}, room: 100},
		"Windowed": {stages: []define.Stage[params]{
			ten, {Name: "next", Tasks: follow(), Bundle: 1, Window: 2},
		}},
		"DeclaredTaken": {stages: []define.Stage[params]{
			ten, {Name: "next", Tasks: follow(), Bundle: 4},
		}, room: 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			short := newManualJob(t, `{"n":10}`, c.stages...)
			long := newManualJob(t, `{"n":10}`, c.stages...)
			step := func(h *manualJob, whole bool) {
				local := state.LocalCapacity{Worker: h.a, Room: c.room, Reserve: func() bool { return true }}

				for _, m := range h.claimAll(h.a) {
					ends := wholeEnds(m)
					for i := range ends {
						if !whole {
							ends[i].StageTotal = 0
						}
					}

					effects, err := h.Complete(t.Context(), local, ends)
					if err != nil || effects.Landed != len(ends) {
						t.Fatalf("%d of %d ends landed; %v", effects.Landed, len(ends), err)
					}
				}
			}

			for range c.stages {
				step(short, true)
				step(long, false)

				if diff := cmp.Diff(long.stored(), short.stored()); diff != "" {
					t.Fatalf("the short path differs (-long +short):\n%s", diff)
				}
			}

			if short.sent.take("complete_stages") == 0 || long.sent.take("complete_stages") != 0 {
				t.Error("a job took the wrong path")
			}
		})
	}
}

// TestShortPathLandsAllOrNothing changes what the short path expects, in each way
// that its guard knows, and expects that the long path decides.
func TestShortPathLandsAllOrNothing(t *testing.T) {
	t.Parallel()

	follower := []define.Stage[params]{ten, tenNext}
	for name, c := range map[string]struct {
		stages []define.Stage[params]
		change func(h *manualJob)
		worker func(h *manualJob) uuid.UUID // nil: that of the claim
		landed int
		want   string // a query that counts one row
	}{
		"AnotherWorker": {
			stages: follower, worker: func(h *manualJob) uuid.UUID { return h.b },
			want: `select count(*) from messages where worker_id is not null`,
		},
		"AnotherAttempt": {
			stages: follower,
			change: func(h *manualJob) { h.change(`update messages set attempt = 2`) },
			want:   `select count(*) from messages where worker_id is not null`,
		},
		"SomeTasksHaveEnded": {
			stages: follower,
			change: func(h *manualJob) {
				h.complete(h.a, 1, end(h.held, 3))
				h.sent.take("complete")
			},
			landed: 9,
			want:   `select count(*) from stages where stage = 0 and completed = 10 and status = 'completed'`,
		},
		"StopRequested": {
			stages: follower,
			change: func(h *manualJob) {
				if _, _, err := h.Cancel(t.Context(), h.id, "test"); err != nil {
					h.t.Fatal(err)
				}
			},
			landed: 10,
			want:   `select count(*) from stages where stage = 1 and status = 'running'`,
		},
		"AnotherRun": {
			stages: follower,
			change: func(h *manualJob) { h.change(`update jobs set attempt = 2`) },
			landed: 10,
			want:   `select count(*) from stages where stage = 1 and status = 'running'`,
		},
		"AnotherIncarnation": {
			stages: follower,
			change: func(h *manualJob) { h.change(`update jobs set incarnation = default`) },
			landed: 10,
			want:   `select count(*) from stages where stage = 1 and status = 'running'`,
		},
		"AnotherOpenStage": {
			stages: []define.Stage[params]{ten},
			change: func(h *manualJob) {
				h.change(`insert into stages (job_id, stage, name, task_type, kind, queue, depends_on,
						pending_dependencies, expected)
					select job_id, 1, 'more', task_type, 'single', queue, '{0}', 1, 1 from stages`)
				h.change(`update jobs set pending_stages = 2`)
			},
			landed: 10,
			want:   `select count(*) from stages where stage = 1 and status = 'running'`,
		},
		"FailedBefore": {
			stages: []define.Stage[params]{ten},
			change: func(h *manualJob) {
				h.change(`insert into stages (job_id, stage, name, task_type, kind, queue, depends_on,
						pending_dependencies, expected, status, total, planned, dispatched, failed, finished_at)
					select job_id, 1, 'before', task_type, 'single', queue, '{}', 0, 1, 'completed', 1, 1, 1, 1, now()
					from stages`)
				h.change(`insert into tasks (job_id, stage, gen, index, status, attempt, error, finished_at)
					select job_id, 1, 1, 0, 'failed', 1, 'failed', now() from jobs`)
			},
			landed: 10,
			want:   `select count(*) from jobs where status = 'completed_with_errors'`,
		},
		"FinallyStage": {
			stages: []define.Stage[params]{ten},
			change: func(h *manualJob) {
				h.change(`insert into stages (job_id, stage, name, task_type, kind, queue, depends_on,
						pending_dependencies, finally, expected)
					select job_id, 1, 'clean', task_type, 'single', queue, '{}', 1, true, 1 from stages`)
				h.change(`update jobs set finally_stages = 1, pending_stages = 2`)
			},
			landed: 10,
			want:   `select count(*) from messages where kind = 6`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newManualJob(t, `{"n":10}`, c.stages...)
			h.held = h.claimFirst(h.a)

			if c.change != nil {
				c.change(h)
			}

			worker := h.a
			if c.worker != nil {
				worker = c.worker(h)
			}

			h.complete(worker, c.landed, wholeEnds(h.held)...)
			h.path(1)
			h.count(1, c.want)
		})
	}
}

// TestShortPathLandsOnce repeats an answer that was lost.
func TestShortPathLandsOnce(t *testing.T) {
	t.Parallel()
	h := newManualJob(t, `{"n":10}`, ten, tenNext)
	ends := wholeEnds(h.claimFirst(h.a))
	h.complete(h.a, 10, ends...)
	h.path(0)
	h.complete(h.a, 0, ends...)
	h.path(1)
	h.count(10, `select count(*) from tasks`)
	h.count(1, `select count(*) from events where kind = 'stage_ended'`)
}

// TestShortPathLeavesConcurrentStages does not end a stage while another
// one of its job can end.
func TestShortPathLeavesConcurrentStages(t *testing.T) {
	t.Parallel()

	other := define.Stage[params]{Name: "other", Tasks: single(), DependsOn: define.None}
	h := newManualJob(t, `{"n":10}`, ten, other)

	for _, m := range h.claim(h.a, state.KindTasks, 2) {
		h.complete(h.a, m.Count, wholeEnds(m)...)
	}

	if h.sent.take("complete_stages") != 0 {
		t.Error("the short path was tried")
	}

	h.count(1, `select count(*) from jobs where status = 'completed'`)
}

// TestShortPathTakesABatchOfJobs ends the stages of many jobs in one statement.
func TestShortPathTakesABatchOfJobs(t *testing.T) {
	t.Parallel()

	const jobs = 20

	var sent statements

	r, err := repo.Open(t.Context(), repo.Config{URL: pgtest.URL(t), MaxConns: 2, Fault: sent.at})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	next := tenNext
	next.Bundle = 10
	m := coremachine.New(coremachine.Config{
		Jobs:     map[string]define.Job{"job": tolerant(ten, next)},
		Handlers: handlersOf(echo),
		Store:    r,
	})

	for i := range jobs {
		body := fmt.Appendf(nil, `{"n":%d,"seed":%d}`, 1+i%10, i)
		if _, err := m.Submit(t.Context(), coremachine.SubmitRequest{Type: "job", Body: body}); err != nil {
			t.Fatal(err)
		}
	}

	worker := uuid.New()
	h := &manualJob{Repo: r, t: t, a: worker}
	h.lease(worker, time.Minute)

	local := state.LocalCapacity{Worker: worker, Room: 1000, Reserve: func() bool { return true }}
	held := h.claimAll(worker)

	for range 2 {
		var ends []state.TaskEnd
		for _, m := range held {
			ends = append(ends, wholeEnds(m)...)
		}

		effects, err := r.Complete(t.Context(), local, ends)
		if err != nil || effects.Landed != len(ends) {
			t.Fatalf("%d of %d ends landed; %v", effects.Landed, len(ends), err)
		}

		held = effects.Taken
	}

	if sent.take("complete_stages") != 2 || sent.take("complete") != 0 {
		t.Error("a batch took the long path")
	}

	h.count(jobs, `select count(*) from jobs where status = 'completed'`)
}
