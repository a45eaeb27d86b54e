package submitter_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/client"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/submitter"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/worktest"
)

// program is a program that shares the database of an engine. Its search_path
// leads to a schema of its own, in which other tables have the same names.
type program struct {
	*submitter.Submitter
	t      *testing.T
	engine *enginetest.Engine
	conn   *pgx.Conn
	failed *atomic.Bool // what the handlers return
}

var jobs = map[string]define.Job{"tiles": worktest.JobOf(
	define.Stage[worktest.Params]{Name: "scan", Tasks: worktest.Dynamic()},
	define.Stage[worktest.Params]{Name: "sum", Tasks: worktest.FanIn()},
	define.Stage[worktest.Params]{Name: "clean", Tasks: worktest.Single(), Finally: true},
)}

func start(t *testing.T, opts ...handlers.Option) *program {
	t.Helper()

	p := &program{t: t, failed: &atomic.Bool{}}
	tasks := worktest.HandlersOf(func(_ context.Context, _ handlers.Task, in worktest.In) (worktest.Out, error) {
		if p.failed.Load() {
			return worktest.Out{}, handlers.Permanent(context.DeadlineExceeded)
		}

		return worktest.Out(in), nil
	}, opts...)

	p.engine = enginetest.Start(t, enginetest.Options{Jobs: jobs, Handlers: tasks})

	t.Cleanup(func() {
		if !t.Failed() {
			p.engine.MustSatisfyInvariants()
		}
	})

	var err error
	if p.conn, err = pgx.Connect(t.Context(), pgtest.Empty(t)); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = p.conn.Close(context.Background()) })

	for _, name := range []string{
		"jobs", "stages", "messages", "events", "trend_counts", "coremachine_schema_version",
	} {
		p.exec("create table " + name + " (mine int)")
	}

	p.Submitter = p.submitter(tasks)

	return p
}

func (p *program) submitter(tasks map[string]handlers.Handler) *submitter.Submitter {
	p.t.Helper()

	var schema string
	if err := p.engine.Pool().QueryRow(p.t.Context(), `select current_schema()`).Scan(&schema); err != nil {
		p.t.Fatal(err)
	}

	s, err := submitter.New(jobs, tasks, schema)
	if err != nil {
		p.t.Fatal(err)
	}

	return s
}

func (p *program) exec(sql string) {
	p.t.Helper()

	if _, err := p.conn.Exec(p.t.Context(), sql); err != nil {
		p.t.Fatal(err)
	}
}

// inTx runs fn in a transaction, and commits if it returns true.
func (p *program) inTx(fn func(tx pgx.Tx) (commit bool)) {
	p.t.Helper()

	tx, err := p.conn.Begin(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}

	end := tx.Rollback
	if fn(tx) {
		end = tx.Commit
	}

	if err := end(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// submit submits a job of n tasks in a transaction of its own.
func (p *program) submit(n int, opts ...client.SubmitOption) (id state.JobID, created bool) {
	p.t.Helper()

	p.inTx(func(tx pgx.Tx) bool {
		res, err := p.SubmitTx(p.t.Context(), tx, "tiles", worktest.Params{N: n}, opts...)
		if err != nil {
			p.t.Fatal(err)
		}

		id, created = res.JobID, res.Created

		return true
	})

	return id, created
}

// TestSubmittedJobCommitsWithTheTransaction submits in a transaction that also
// writes a row of the caller.
func TestSubmittedJobCommitsWithTheTransaction(t *testing.T) {
	t.Parallel()

	p := start(t)
	p.exec(`create table orders (id int)`)

	var id state.JobID

	for _, commit := range []bool{false, true} {
		p.inTx(func(tx pgx.Tx) bool {
			if _, err := tx.Exec(t.Context(), `insert into orders values (1)`); err != nil {
				t.Fatal(err)
			}

			res, err := p.SubmitTx(t.Context(), tx, "tiles", worktest.Params{N: 30})
			if err != nil || !res.Created || res.Status != state.JobQueued ||
				string(res.Parameters) != `{"n":30,"seed":0,"skip":false}` {
				t.Fatalf("got %+v, %v", res, err)
			}

			id = res.JobID

			worktest.MustCount(t, p.engine, 0, `select count(*) from jobs`) // other sessions do not see it

			return commit
		})

		want := 0
		if commit {
			want = 1
		}

		worktest.MustCount(t, p.engine, want, `select count(*) from jobs where job_id = $1`, id[:])
	}

	job := p.engine.Wait(id).MustBe(t, state.JobCompleted)
	job.Stage(t, "scan").MustHave(t, 30, 0)
	job.Stage(t, "clean").MustHave(t, 1, 0)
}

// settings returns the settings of a session that statements could have changed.
func settings(t *testing.T, tx pgx.Tx) map[string]string {
	t.Helper()

	rows, err := tx.Query(t.Context(), `select name, setting from pg_settings`)
	if err != nil {
		t.Fatal(err)
	}

	all := map[string]string{}

	var name, value string

	if _, err := pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		all[name] = value
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	return all
}

// TestSubmitTxLeavesTheSessionAsItIs compares the settings of the caller, and the
// tables of the caller with the same names.
func TestSubmitTxLeavesTheSessionAsItIs(t *testing.T) {
	t.Parallel()

	p := start(t)

	p.inTx(func(tx pgx.Tx) bool {
		before := settings(t, tx)

		for range 2 { // the second time finds the job
			_, err := p.SubmitTx(t.Context(), tx, "tiles", nil,
				client.Delay(time.Hour), client.CallbackURL("https://a.example/x"))
			if err != nil {
				t.Fatal(err)
			}
		}

		if diff := cmp.Diff(before, settings(t, tx)); diff != "" {
			t.Errorf("settings (-before +after):\n%s", diff)
		}

		var rows int

		err := tx.QueryRow(t.Context(), `
			select (select count(*) from jobs) + (select count(*) from messages)`).Scan(&rows)
		if err != nil || rows != 0 {
			t.Errorf("%d rows in the tables of the caller, %v", rows, err)
		}

		return true
	})

	worktest.MustCount(t, p.engine, 1, `
		select count(*) from jobs join messages using (job_id)
		where start_at > now() + interval '50 minutes' and due_at = start_at and callback_url = 'https://a.example/x'`)
}

// TestSubmitTxFindsTheExistingJob submits a job that was created, has failed, and
// has completed.
func TestSubmitTxFindsTheExistingJob(t *testing.T) {
	t.Parallel()

	p := start(t)
	p.failed.Store(true)

	id, created := p.submit(2)
	p.engine.Wait(id).MustBe(t, state.JobFailed)
	p.failed.Store(false)

	if again, createdAgain := p.submit(2); !created || createdAgain || again != id {
		t.Errorf("created %v, then %v with the id %s", created, createdAgain, again)
	}

	if job := p.engine.Wait(id).MustBe(t, state.JobCompleted); job.Attempt != 2 {
		t.Errorf("the job is at attempt %d, want 2: it had failed", job.Attempt)
	}

	p.submit(2)

	if job := p.engine.Wait(id); job.Attempt != 2 {
		t.Errorf("the job is at attempt %d, want 2: it had completed", job.Attempt)
	}

	p.submit(2, client.Rerun())

	if job := p.engine.Wait(id).MustBe(t, state.JobCompleted); job.Attempt != 3 {
		t.Errorf("the job is at attempt %d, want 3", job.Attempt)
	}
}

// TestConcurrentTransactionsSubmitOneJob submits the job of a transaction that is
// still open: the second waits, and creates the job if the first rolls back.
func TestConcurrentTransactionsSubmitOneJob(t *testing.T) {
	t.Parallel()

	for name, commit := range map[string]bool{"commit": true, "rollback": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			p := start(t)
			second := make(chan bool, 1)

			p.inTx(func(tx pgx.Tx) bool {
				if _, err := p.SubmitTx(t.Context(), tx, "tiles", nil); err != nil {
					t.Fatal(err)
				}

				go func() {
					created := false

					err := pgx.BeginFunc(t.Context(), p.engine.Pool(), func(tx pgx.Tx) error {
						res, err := p.SubmitTx(t.Context(), tx, "tiles", nil)
						created = res.Created

						return err
					})
					if err != nil {
						t.Error(err)
					}

					second <- created
				}()

				worktest.Until(t, "the second transaction waits", func() bool {
					return worktest.Query(t, p.engine, `
						select count(*) from pg_stat_activity
						where wait_event_type = 'Lock' and query like '%insert into%jobs%'
							and datname = current_database() and pid = any (
								select l.pid from pg_locks l where not l.granted and l.transactionid::text = $1)`,
						transaction(t, tx)) > 0
				})

				return commit
			})

			if created := <-second; created == commit {
				t.Errorf("the second transaction created the job: %v", created)
			}

			worktest.MustCount(t, p.engine, 1, `select count(*) from jobs`)

			id := state.NewJobID("tiles", []byte(`{"n":1,"seed":0,"skip":false}`))
			p.engine.Wait(id).MustBe(t, state.JobCompleted)
		})
	}
}

func transaction(t *testing.T, tx pgx.Tx) (id string) {
	t.Helper()

	if err := tx.QueryRow(t.Context(), `select pg_current_xact_id()::xid::text`).Scan(&id); err != nil {
		t.Fatal(err)
	}

	return id
}

// TestFoundJobContinuesDuringTheTransaction finds a job that runs. Its tasks must
// not wait for the transaction of the caller.
func TestFoundJobContinuesDuringTheTransaction(t *testing.T) {
	t.Parallel()

	p := start(t)
	id, _ := p.submit(5, client.Delay(time.Hour))

	p.inTx(func(tx pgx.Tx) bool {
		res, err := p.SubmitTx(t.Context(), tx, "tiles", worktest.Params{N: 5})
		if err != nil || res.Created || res.StartAt == nil {
			t.Fatalf("got %+v, %v", res, err)
		}

		if err := p.engine.Process(0).Machine.StartNow(t.Context(), id, "test"); err != nil {
			t.Fatal(err)
		}

		p.engine.Wait(id).MustBe(t, state.JobCompleted) // while the transaction is open

		return true
	})
}
