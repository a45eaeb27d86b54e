package repo_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
)

// TestNoHotStatementReadsMoreThanItNeeds has the engine work on large tables
// that were never analysed, and looks at the plan of every statement as it ran:
// none reads a large table whole, and none throws away more rows than it keeps.
func TestNoHotStatementReadsMoreThanItNeeds(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		fill func(t *testing.T, pool *pgxpool.Pool) []state.JobID // jobs that are under way
	}{
		{"OneStageOf100000", func(t *testing.T, pool *pgxpool.Pool) []state.JobID {
			t.Helper()

			return []state.JobID{
				underWay(
					t,
					pool,
					"fanin",
					rows.Stage{Name: "work", TaskType: string(fixtures.Number), Planned: 100_000},
				),
				underWay(
					t,
					pool,
					"million",
					rows.Stage{
						Name:      "work",
						TaskType:  string(fixtures.Number),
						Status:    state.StageCompleted,
						Planned:   100_000,
						Completed: 100_000,
					},
					rows.Stage{
						Name:      "follow",
						TaskType:  string(fixtures.Next),
						Kind:      state.MatchPrevious,
						DependsOn: []int16{0},
						Planned:   100_000,
					},
				),
			}
		}},
		{"TwoThousandJobsOf100", func(t *testing.T, pool *pgxpool.Pool) []state.JobID {
			t.Helper()
			exec(t, pool, `insert into jobs (job_id, job_type, params, status, pending_stages, finished_at)
				select sha256(g::text::bytea), 'filled', '{}', 'completed', 0, now() from generate_series(1, 2000) g`)
			exec(
				t,
				pool,
				`insert into stages (job_id, stage, name, task_type, kind, queue, depends_on,
					pending_dependencies, status, total, planned, dispatched, completed, finished_at)
				select job_id, 0, 'work', 'fixture_number', 'dynamic', 2, '{}',
					0, 'completed', 100, 100, 100, 100, now()
				from jobs where job_type = 'filled'`,
			)
			exec(t, pool, `insert into tasks (job_id, stage, gen, index, status, attempt, result, finished_at)
				select job_id, 0, 1, i, 'completed', 1, '{"value":1,"count":1}', now()
				from jobs, generate_series(0, 99) i where job_type = 'filled'`)

			return nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			seen := &plans{worst: map[string]string{}}
			address, pool := neverAnalysed(t)

			e := enginetest.Start(t, enginetest.Options{
				Jobs:     allShapes(),
				Handlers: fixtures.Handlers(),
				URL:      address,
				Connect:  seen.on,
				Conns:    2,
				// what does not fit goes through the queue, so every statement
				// is seen
				Dispatch: enginetest.Local,
			})
			for round := range 3 { // each connection keeps the plans that it makes now, on empty tables
				submitAll(t, e, 20, round)
			}

			wait := tt.fill(t, pool)
			exec(
				t,
				pool,
				`insert into jobs (job_id, job_type, params, pending_stages)
				select sha256(('queued ' || g)::bytea), 'wide', '{}', 1
				from generate_series(1, 1000) g`,
			)
			submitAll(t, e, 1000, 9)

			wait = append(wait, e.Submit("million", `{"n":10100,"seed":7}`), e.Submit("flaky", `{"n":100}`))
			for i := range 30 {
				wait = append(wait, e.Submit("hello", fmt.Sprintf(`{"n":10,"message":"%d"}`, i)))
			}

			stopped := e.Submit("wide", `{"n":5000}`)
			if err := e.Process(0).Machine.Cancel(t.Context(), stopped, ""); err != nil {
				t.Fatal(err)
			}

			for _, id := range append(wait, stopped) {
				if job := e.Wait(id); !job.Status.Ended() {
					t.Errorf("%s is %s", id, job.Status)
				}
			}

			e.Process(0).Stop() // what is known by now is all
			seen.report(t)
		})
	}
}

// allShapes returns the fixtures, and a job with finally stages.
func allShapes() map[string]define.Job {
	number := func(p fixtures.FanOutParams, i int) fixtures.NumberIn { return fixtures.NumberIn{Value: p.N + i} }

	jobs := fixtures.Jobs()
	jobs["tidy"] = define.Define(define.Definition[fixtures.FanOutParams]{
		Description: "A job with finally stages",
		Stages: []define.Stage[fixtures.FanOutParams]{
			{Name: "work", Tasks: define.Dynamic(fixtures.Number, "n", number)},
			{Name: "clean", Tasks: define.Dynamic(fixtures.Number, "n", number), Finally: true},
			{Name: "report", Tasks: define.FanIn(fixtures.Sum, func(fixtures.FanOutParams) fixtures.SumIn {
				return fixtures.SumIn{Stages: []string{"clean"}}
			}), Finally: true},
		},
	})

	return jobs
}

// submitAll runs one of each of the engine's shapes.
func submitAll(t *testing.T, e *enginetest.Engine, n, seed int) {
	t.Helper()

	var ids []state.JobID
	for _, job := range []struct{ name, params string }{
		{"hello", `{"n":%d,"message":"all %d"}`},
		{"million", `{"n":%d,"seed":%d}`},
		{"fanout", `{"k":%d,"seed":%d}`},
		{"fanin", `{"n":%d,"seed":%d}`},
		{"tidy", `{"n":%d,"seed":%d}`},
	} {
		ids = append(ids, e.Submit(job.name, fmt.Sprintf(job.params, n, seed)))
	}

	for _, id := range ids {
		if job := e.Wait(id); !job.Status.Ended() {
			t.Errorf("%s is %s", id, job.Status)
		}
	}
}

// underWay inserts a job of which the last of these stages is not done: its
// last 2000 tasks are in the queue. Stages behind it wait.
func underWay(t *testing.T, pool *pgxpool.Pool, jobType string, stages ...rows.Stage) state.JobID {
	t.Helper()

	last := &stages[len(stages)-1]
	last.Dispatched, last.Completed = last.Planned, last.Planned-2000
	at := len(stages) - 1
	stages = append(
		stages,
		rows.Stage{
			Name:      "sum",
			TaskType:  string(fixtures.Sum),
			Kind:      state.FanIn,
			DependsOn: []int16{int16(at)},
		},
	)
	id := rows.Insert(
		t,
		pool,
		rows.Job{Type: jobType, Params: `{"n":100000,"seed":1}`, Status: state.JobRunning, Stages: stages},
	)
	exec(t, pool, `update stages set bundle = 100`)
	exec(t, pool, `update tasks set result = '{"value":1,"count":1}' where result is not null`)

	for first := last.Completed; first < last.Planned; first += 100 {
		rows.InsertMessage(
			t,
			pool,
			id,
			rows.Message{Kind: state.KindTasks, Stage: at, First: first, Count: 100},
		)
	}

	return id
}

// neverAnalysed creates a schema with autovacuum off, so Postgres does not
// analyse its tables.
func neverAnalysed(t *testing.T) (string, *pgxpool.Pool) {
	t.Helper()

	u, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}

	q := u.Query()
	q.Set("synchronous_commit", "off") // nothing here outlives a crash
	u.RawQuery = q.Encode()

	pool, err := pgxpool.New(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(pool.Close)

	for _, table := range []string{
		"jobs", "stages", "tasks", "messages", "attempts", "events", "result_parts", "task_logs",
	} {
		exec(t, pool, "alter table "+table+" set (autovacuum_enabled = off)")
	}

	return u.String(), pool
}

// plans collects the plans that the server reports for executed statements.
type plans struct {
	mu    sync.Mutex
	count int
	large int               // reads of tasks
	worst map[string]string // by statement: what is wrong with it, and its plan
	err   error
}

// on configures a connection so that the server reports the plan of each of its
// statements.
func (p *plans) on(c *pgx.ConnConfig) {
	maps.Copy(c.RuntimeParams, map[string]string{
		"session_preload_libraries":     "auto_explain",
		"auto_explain.log_min_duration": "0",
		"auto_explain.log_analyze":      "on",
		"auto_explain.log_timing":       "off",
		"auto_explain.log_format":       "json",
		"auto_explain.log_level":        "notice",
		"synchronous_commit":            "off",
	})
	c.OnNotice = p.notice
}

type planned struct {
	Text string `json:"Query Text"`
	Plan node
}

type node struct {
	Type      string  `json:"Node Type"`
	Relation  string  `json:"Relation Name"`
	Rows      float64 `json:"Actual Rows"`
	Loops     float64 `json:"Actual Loops"`
	ByFilter  float64 `json:"Rows Removed by Filter"`
	ByJoin    float64 `json:"Rows Removed by Join Filter"`
	ByRecheck float64 `json:"Rows Removed by Index Recheck"`
	Plans     []node
}

func (p *plans) notice(_ *pgconn.PgConn, n *pgconn.Notice) {
	_, text, found := strings.Cut(n.Message, "plan:\n")
	if !found {
		return
	}

	var q planned

	err := json.Unmarshal([]byte(text), &q)

	p.mu.Lock()
	defer p.mu.Unlock()

	p.count++
	if err != nil {
		p.err = fmt.Errorf("%w: %s", err, text)
		return
	}

	p.look(&q.Plan, nil, func(problem string) {
		if key := strings.Join(strings.Fields(q.Text), " "); p.worst[key] == "" {
			p.worst[key] = problem + "\n" + text
		}
	})
}

const (
	// slack is the maximum number of rows that a statement may read and discard,
	// regardless of what it returns: of small tables, and of a page.
	slack   = 500
	inPlace = 20_000 // the same of its own lists, which is a millisecond
)

// look judges a node and all below it. join is the closest join above it.
func (p *plans) look(n, join *node, wrong func(problem string)) {
	large := slices.Contains(
		[]string{
			"tasks", "attempts", "events", "result_parts", "task_logs", "jobs", "stages", "trends", "queue_trends",
		},
		n.Relation,
	)
	if n.Type == "Seq Scan" && (large || n.Relation == "messages") {
		wrong("it reads " + n.Relation + " whole")
	}

	kept, removed, most := n.Rows*n.Loops, (n.ByFilter+n.ByJoin+n.ByRecheck)*n.Loops, float64(slack)
	if n.Relation == "" {
		most = inPlace
	}

	if removed > kept+most {
		wrong(fmt.Sprintf("a %s %s keeps %.0f rows and throws %.0f away", n.Type, n.Relation, kept, removed))
	}

	if large && n.Type != "ModifyTable" {
		p.large++

		if join != nil && kept > 2*join.Rows*join.Loops+slack {
			wrong(fmt.Sprintf("%.0f rows of %s are joined to %.0f", kept, n.Relation, join.Rows*join.Loops))
		}
	}

	if strings.HasSuffix(n.Type, "Join") || n.Type == "Nested Loop" {
		join = n
	}

	if n.Type == "Aggregate" { // it needs all that it counts
		join = nil
	}

	for i := range n.Plans {
		p.look(&n.Plans[i], join, wrong)
	}
}

func (p *plans) report(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.err != nil || p.count < 1000 || p.large < 500 {
		t.Errorf("saw %d plans with %d reads of large tables, %v", p.count, p.large, p.err)
	}

	for text, problem := range p.worst {
		t.Errorf("%.100s…\n%s", text, problem)
	}
}
