package rows

import (
	"cmp"
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/state"
)

// Job is a job to insert. The zero value is a queued hello_world without
// stages.
type Job struct {
	Seed     string // the ID is its hash with the type
	Type     string
	Status   state.JobStatus
	Params   string
	Age      time.Duration // time since its creation
	Result   string
	Error    string
	Stopping bool
	Version  int64
	Outcome  state.JobStatus // decided, while finally stages run
	RunKey   string
	Terms    map[string]string // such as tag.env
	Stages   []Stage
}

// Stage is a stage to insert, with its tasks: first the completed ones, then
// the failed, the cancelled and finally the queued ones.
type Stage struct {
	Name       string
	TaskType   string
	Kind       state.Parallelism
	Status     state.StageStatus // default: running, or waiting if there are no tasks
	Gen        int
	Queue      state.Queue
	DependsOn  []int16
	Planned    int
	Dispatched int
	Completed  int
	Failed     int
	Cancelled  int
	Planning   bool // the total is not known yet
	Error      string
	Finally    bool
}

// Insert inserts a job with its stages and tasks and returns its ID.
func Insert(tb testing.TB, pool *pgxpool.Pool, j Job) state.JobID {
	tb.Helper()

	j.Type, j.Params = cmp.Or(j.Type, "hello_world"), cmp.Or(j.Params, "{}")
	j.Status, j.Version = cmp.Or(j.Status, state.JobQueued), cmp.Or(j.Version, 1)
	id := state.NewJobID(j.Type, []byte(cmp.Or(j.Seed, tb.Name())))
	pending, finally := 0, 0

	for _, s := range j.Stages {
		if !s.status().Ended() {
			pending++
		}

		if s.Finally {
			finally++
		}
	}

	exec(tb, pool, `
insert into jobs (job_id, job_type, params, status, pending_stages, version, created_at, started_at,
                  finished_at, cancel_requested_at, result, error, finally_stages, outcome, stop_requested_at,
                  run_key)
values (@id, @type, @params, @status::text::job_status, @pending, @version, now() - @age::interval,
        case when @status::text <> 'queued' then now() - @age::interval end,
        case when @ended then now() end,
        case when @stopping or @status::text = 'cancelled' then now() end,
        nullif(convert_to(@result::text, 'UTF8'), ''), nullif(@error, '')::json, @finally,
        nullif(@outcome::text, '')::job_status, case when @outcome::text in ('cancelled', 'failed') then now() end,
        nullif(@run_key, ''))`,
		pgx.StrictNamedArgs{
			"id":       id[:],
			"type":     j.Type,
			"params":   j.Params,
			"status":   string(j.Status),
			"pending":  pending,
			"version":  j.Version,
			"age":      j.Age,
			"ended":    j.Status.Ended(),
			"stopping": j.Stopping,
			"result":   j.Result,
			"error":    j.Error,
			"finally":  finally,
			"outcome":  string(j.Outcome),
			"run_key":  j.RunKey,
		})

	for term, value := range j.Terms {
		exec(tb, pool, `
insert into job_terms (job_id, term, value, created_at)
select job_id, @term, @value, created_at from jobs where job_id = @id`,
			pgx.StrictNamedArgs{"id": id[:], "term": term, "value": value})
	}

	for i, s := range j.Stages {
		s.insert(tb, pool, id, i)
	}

	return id
}

func (s Stage) status() state.StageStatus {
	if s.Status != "" {
		return s.Status
	}

	if s.Planned == 0 && !s.Planning {
		return state.StageWaiting
	}

	return state.StageRunning
}

func (s Stage) insert(tb testing.TB, pool *pgxpool.Pool, id state.JobID, number int) {
	tb.Helper()

	status := s.status()

	deps := 0
	if status == state.StageWaiting {
		deps = len(s.DependsOn)
		if s.Finally {
			deps++
		}
	}

	if s.DependsOn == nil {
		s.DependsOn = []int16{}
	}

	var total *int
	if status != state.StageWaiting && !s.Planning {
		total = &s.Planned
	}

	args := pgx.StrictNamedArgs{
		"id":    id[:],
		"stage": number,
		"gen":   max(s.Gen, 1),
		"name":  s.Name,
		"type":  cmp.Or(s.TaskType, s.Name),
		"kind":  string(cmp.Or(s.Kind, state.Dynamic)),
		"queue": cmp.Or(
			s.Queue,
			state.QueueTasks,
		),
		"depends_on": s.DependsOn,
		"deps":       deps,
		"status":     string(status),
		"total":      total,
		"planned":    s.Planned,
		"dispatched": s.Dispatched,
		"completed":  s.Completed,
		"failed":     s.Failed,
		"cancelled":  s.Cancelled,
		"ended":      status.Ended(),
		"error":      s.Error,
		"finally":    s.Finally,
	}
	exec(tb, pool, `
insert into stages (job_id, stage, gen, name, task_type, kind, queue, depends_on, dependencies,
                    pending_dependencies, status, total, planned, dispatched, completed, failed, cancelled,
                    started_at, finished_at, error, finally)
values (@id, @stage, @gen, @name, @type, @kind, @queue, @depends_on,
        array(select d.name from stages d where d.job_id = @id and d.stage = any (@depends_on) order by d.stage),
        @deps, @status::text::stage_status, @total, @planned, @dispatched, @completed, @failed, @cancelled,
        case when @status::text <> 'waiting' then now() end, case when @ended then now() end,
        nullif(@error, '')::json, @finally)`, args)

	for _, spare := range []string{
		"name", "type", "queue", "depends_on", "deps", "status", "total", "dispatched", "ended", "error",
		"finally",
	} {
		delete(args, spare)
	}

	exec(tb, pool, `
insert into tasks (job_id, stage, gen, index, status, attempt, failures, result, error, started_at, finished_at)
select @id, @stage, @gen, i, k.status::task_status, case when k.status in ('completed', 'failed') then 1 else 0 end,
       case when k.status = 'failed' then 1 else 0 end,
       case when k.status = 'completed' then convert_to(json_build_object('index', i)::text, 'utf8') end,
       case when k.status = 'failed'
         then json_build_object('code', 'permanent', 'message', 'task ' || i || ' failed')::text end,
       case when k.status in ('completed', 'failed') then now() end,
       case when k.status <> 'queued' then now() end
from generate_series(0, @planned::int - 1) i
cross join lateral (
  select case
    when i < @completed::int then 'completed'
    when i < @completed::int + @failed::int then 'failed'
    when i < @completed::int + @failed::int + @cancelled::int then 'cancelled'
    else 'queued' end as status) k
where k.status <> 'queued' or @kind = 'fan_out'`, args)
	delete(args, "kind")
	delete(args, "planned")
	delete(args, "cancelled")
	exec(tb, pool, `
insert into attempts (job_id, stage, gen, index, attempt, outcome, final, error)
select @id, @stage, @gen, i, 1, 'permanent', true, 'task ' || i || ' failed'
from generate_series(@completed::int, @completed::int + @failed::int - 1) i`, args)
}

// Message is a message row to insert. The zero value is ready in the tasks
// queue and covers task 0 of stage 0.
type Message struct {
	Queue   state.Queue
	Kind    state.MessageKind
	Stage   int
	Gen     int
	First   int
	Count   int
	Attempt int
	Held    bool          // claimed by a new worker
	Sent    bool          // sent to the transport
	Due     time.Duration // time until it is due; negative: it is overdue
	Dead    string        // reason of the dead letter
}

// InsertMessage inserts a message row of a job.
func InsertMessage(tb testing.TB, pool *pgxpool.Pool, id state.JobID, m Message) {
	tb.Helper()

	var worker any

	if m.Held {
		m.Attempt = max(m.Attempt, 1)
		w := uuid.New()
		worker = w
		exec(
			tb,
			pool,
			`insert into workers (worker_id, lease_until, build, host, pid)
			values (@id, now() + interval '1 hour', 'test', 'host', 7)`,
			pgx.StrictNamedArgs{"id": w},
		)
	}

	exec(tb, pool, `
insert into messages (job_id, queue, kind, stage, gen, first, count, tasks_left, attempt, due_at,
                      worker_id, claimed_at, sent_at, dead_reason)
values (@id, @queue, @kind, @stage, @gen, @first, @count, @count, @attempt, now() + @due::interval, @worker::uuid,
        case when @worker::uuid is not null then now() end, case when @sent then now() end, nullif(@dead, ''))`,
		pgx.StrictNamedArgs{
			"id":      id[:],
			"queue":   cmp.Or(m.Queue, state.QueueTasks),
			"kind":    cmp.Or(m.Kind, state.KindTasks),
			"stage":   m.Stage,
			"gen":     max(m.Gen, 1),
			"first":   m.First,
			"count":   max(m.Count, 1),
			"attempt": m.Attempt,
			"due":     m.Due,
			"worker":  worker,
			"sent":    m.Sent,
			"dead":    m.Dead,
		})
}

// InsertEvent inserts an entry of a job's history. If index is negative, the
// entry belongs to no task. If stage is negative, it belongs to the job itself.
func InsertEvent(
	tb testing.TB,
	pool *pgxpool.Pool,
	id state.JobID,
	kind string,
	stage, index int,
	detail string,
) {
	tb.Helper()
	exec(tb, pool, `
insert into events (job_id, kind, stage, index, detail)
values (@id, @kind, nullif(@stage::int, -1), nullif(@index::int, -1), nullif(@detail, '')::json)`,
		pgx.StrictNamedArgs{"id": id[:], "kind": kind, "stage": stage, "index": index, "detail": detail})
}

func exec(tb testing.TB, pool *pgxpool.Pool, sql string, args pgx.StrictNamedArgs) {
	tb.Helper()

	if _, err := pool.Exec(context.Background(), sql, args); err != nil {
		tb.Fatal(err)
	}
}
