package verbs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/api"
	"coremachine/internal/clock"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// world is the engine, an API over each of its processes, and the responses of
// these APIs.
type world struct {
	t       *testing.T
	e       *enginetest.Engine
	http    *http.Client
	bases   []string
	targets []target
	sweeps  bool // clients also request sweeps

	mu        sync.Mutex
	responses map[answer]int
	tallies   map[state.JobID]*tally
	problems  []string
}

type answer struct {
	verb string
	code int
}

// deletions logs the deleted job rows, in addition to the status log.
const deletions = `
create table deletion_log (job_id bytea not null);
create function log_deletion() returns trigger language plpgsql as $$
begin
  insert into deletion_log values (old.job_id);
  return null;
end $$;
create trigger log_deletion after delete on jobs for each row execute function log_deletion()`

func newWorld(t *testing.T, e *enginetest.Engine) *world {
	t.Helper()
	w := &world{
		t: t, e: e, responses: map[answer]int{}, tallies: map[state.JobID]*tally{},
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}},
	}
	t.Cleanup(w.http.CloseIdleConnections)

	for i := range jobs {
		w.targets = append(w.targets, newTarget(i))
		w.tallies[w.targets[i].id] = &tally{}
	}

	e.Audit()

	if _, err := e.Pool().Exec(t.Context(), deletions); err != nil {
		t.Fatal(err)
	}

	for i := range e.Processes() {
		p := e.Process(i)
		hub := api.NewJobWatcher(p.Repo.ReadVersions, nil)
		server := httptest.NewServer(
			api.New(api.Options{Engine: p.Machine, Reader: p.Repo, Dead: p.Queue, JobWatcher: hub}),
		)

		t.Cleanup(func() {
			hub.Close()
			server.Close()
		})

		w.bases = append(w.bases, server.URL+"/api")
	}

	return w
}

// settle redrives and sweeps like an operator until every job has ended.
func (w *world) settle() time.Duration {
	begin := time.Now()

	limit, cancel := context.WithTimeout(w.t.Context(), settleLimit)
	defer cancel()

	for round := 0; ; round++ {
		for _, q := range state.Queues {
			w.call(http.MethodPost, w.bases[0]+"/queues/"+q.String()+"/redrive", "")
		}

		if w.count(
			`select count(*) from jobs where finished_at is null or purge_started_at is not null`,
		) == 0 {
			break
		}

		if round > 0 && round%25 == 0 {
			w.call(http.MethodPost, w.bases[0]+"/sweeps", "")
		}

		if !clock.Sleep(limit, 200*time.Millisecond) {
			break
		}
	}

	return time.Since(begin)
}

func (w *world) count(sql string, args ...any) (n int) {
	if err := w.e.Pool().QueryRow(w.t.Context(), sql, args...).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}

	return n
}

// check returns what is wrong.
func (w *world) check() []string {
	w.mu.Lock()
	defer w.mu.Unlock()

	found := w.problems
	if n := w.count(`select count(*) from jobs where finished_at is null`); n > 0 {
		found = append(found, fmt.Sprintf("%d jobs are stuck:\n%s", n, w.stuck()))
	}

	if n := w.count(`select count(*) from jobs where purge_started_at is not null`); n > 0 {
		found = append(found, fmt.Sprintf("%d jobs are half deleted", n))
	}

	for _, look := range []func() ([]string, error){
		func() ([]string, error) { return enginetest.InvariantViolations(w.t.Context(), w.e.Pool()) },
		func() ([]string, error) { return enginetest.IllegalTransitions(w.t.Context(), w.e.Pool()) },
	} {
		more, err := look()
		if err != nil {
			w.t.Fatal(err)
		}

		found = append(found, more...)
	}

	for _, t := range w.targets {
		found = append(found, w.checkResponses(t.id)...)
	}

	return append(found, w.checkDeletion()...)
}

// stuck describes the jobs that have not ended, a line for each row.
func (w *world) stuck() string {
	rows, err := w.e.Pool().Query(w.t.Context(), `
		with stuck as (select * from jobs where finished_at is null)
		select 'job ' || (to_jsonb(j) - 'params')::text from stuck j
		union all
		select 'stage ' || to_jsonb(s)::text from stages s where job_id in (select job_id from stuck)
		union all
		select 'message ' || to_jsonb(m)::text from messages m where job_id in (select job_id from stuck)
		union all
		select 'event ' || to_jsonb(e)::text from events e where job_id in (select job_id from stuck)
		union all
		select 'worker ' || to_jsonb(w)::text from workers w
		union all
		select 'now ' || clock_timestamp()::text`)
	if err != nil {
		return err.Error()
	}

	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err.Error()
	}

	return strings.Join(lines, "\n")
}

// checkResponses compares what the responses about a job report with the log of
// the database. Every successful response stands for a change of its own.
func (w *world) checkResponses(id state.JobID) (found []string) {
	a := w.tallies[id]

	// A job of small stages is inserted as running.
	runs := w.count(
		`select count(*) from status_log where record = 'job' and job_id = $1
		and (now = 'queued' or was is null and now = 'running')`,
		id[:],
	)
	if runs < a.started || runs > a.started+a.maybeStarted {
		found = append(
			found,
			fmt.Sprintf("job %s: %d responses reported that a run started, and %d may have; %d runs started",
				id.Short(), a.started, a.maybeStarted, runs),
		)
	}

	gone := w.count(`select count(*) from deletion_log where job_id = $1`, id[:])
	if gone < a.deleted || gone > a.deleted+a.maybeDeleted {
		found = append(
			found,
			fmt.Sprintf(
				"job %s: %d responses reported that it was deleted, and %d may have; its row was deleted %d times",
				id.Short(),
				a.deleted,
				a.maybeDeleted,
				gone,
			),
		)
	}

	return found
}

// checkDeletion deletes every remaining job. Each deletion must succeed, and no
// row of any table may remain.
func (w *world) checkDeletion() (found []string) {
	for _, t := range w.targets {
		there := w.count(`select count(*) from jobs where job_id = $1`, t.id[:])

		code, body := w.call(http.MethodDelete, w.bases[0]+"/jobs/"+t.id.String(), "")
		if want := []int{http.StatusNotFound, http.StatusNoContent}[there]; code != want {
			found = append(
				found,
				fmt.Sprintf(
					"the last delete of job %s returned %d, want %d: %s",
					t.id.Short(),
					code,
					want,
					body,
				),
			)
		}
	}

	for _, table := range []string{
		"jobs", "stages", "tasks", "attempts", "result_parts", "messages", "events", "task_logs",
	} {
		if n := w.count(`select count(*) from ` + table); n > 0 {
			found = append(found, fmt.Sprintf("%d rows of %s remain after the deletion of their jobs", n, table))
		}
	}

	return found
}

func (w *world) requests() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()

	for _, times := range w.responses {
		n += times
	}

	return n
}

// table shows how often each verb returned each status.
func (w *world) table() string {
	w.mu.Lock()
	defer w.mu.Unlock()

	keys := slices.SortedFunc(maps.Keys(w.responses), func(a, b answer) int {
		return cmp.Or(strings.Compare(a.verb, b.verb), cmp.Compare(a.code, b.code))
	})

	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "  %-8s %3d  %6d\n", k.verb, k.code, w.responses[k])
	}

	return b.String()
}
