package repo_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/view"
)

// manyTagged inserts jobs whose creation is a second apart, all with the tag
// env=prod. The oldest has the tag rare=yes, and one in step the tag some=yes.
// They are all cancelled except the oldest.
func manyTagged(t *testing.T, pool *pgxpool.Pool, jobs, step int) {
	t.Helper()

	exec(t, pool, `
insert into jobs (job_id, job_type, params, pending_stages, status, created_at, finished_at, cancel_requested_at)
select sha256(i::text::bytea), 'x', '{}', 0, case when i < $1 then 'cancelled' else 'queued' end::job_status,
  now() - make_interval(secs => i), case when i < $1 then now() end, case when i < $1 then now() end
from generate_series(1, $1::int) i`, jobs)
	exec(t, pool, `
insert into job_terms (job_id, term, value, created_at)
select j.job_id, k.term, k.value, j.created_at
from generate_series(1, $1::int) i
join jobs j on j.job_id = sha256(i::text::bytea)
cross join lateral (
  values ('tag.env', 'prod', true), ('tag.rare', 'yes', i = $1), ('tag.some', 'yes', i % $2::int = 0)
) k (term, value, has)
where k.has`, jobs, step)
	exec(t, pool, `vacuum analyze jobs, job_terms`)
}

// TestPlansOfListsByTermsFollowTheIndex looks at the plans of lists as they ran,
// with the settings of the real pool, over jobs that nearly all have the tag.
// Every row is reached by an index, and a page is read in the order of the list:
// a statement makes few more rows than it returns.
func TestPlansOfListsByTermsFollowTheIndex(t *testing.T) {
	t.Parallel()

	const limit = 50

	ran := &ranPlans{}
	url := pgtest.URL(t)

	r, err := repo.Open(t.Context(), repo.Config{URL: url, BeforeConnect: ran.on, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(r.Close)
	manyTagged(t, r.Pool(), 30_000, 2)

	middle, err := r.ListJobs(t.Context(), view.JobFilter{Limit: view.MaxPage})
	if err != nil {
		t.Fatal(err)
	}

	for _, f := range []view.JobFilter{
		{Terms: []state.Term{tag("env", "prod")}},
		{Terms: []state.Term{tag("env", "prod")}, After: middle.Next},
		{Terms: []state.Term{tag("env", "prod")}, Before: middle.Next},
		{Terms: []state.Term{tag("env", "prod"), tag("some", "yes")}},
		{Terms: []state.Term{tag("env", "prod"), tag("rare", "yes")}},
		{Terms: []state.Term{tag("env", "prod")}, Statuses: []state.JobStatus{state.JobQueued}},
		{Terms: []state.Term{tag("env", "prod")}, Type: "none"},
	} {
		f.Limit = limit

		ran.reset()

		if _, err := r.ListJobs(t.Context(), f); err != nil {
			t.Fatal(err)
		}

		ran.judge(t, func(q planned) {
			if strings.Contains(q.Text, "w.n::int") { // counts up to a limit
				return
			}

			// A page, and one of two candidates does not have the other tag.
			if most, step := largest(&q.Plan); most > 4*limit+10 {
				t.Errorf("%+v: a %s has %.0f rows in\n%s", f, step, most, q.Text)
			}
		})
	}
}

// ranPlans holds the plans that the server reports for executed statements.
type ranPlans struct {
	mu    sync.Mutex
	plans []planned
	err   error
}

func (p *ranPlans) on(_ context.Context, c *pgx.ConnConfig) error {
	(&plans{}).on(c)
	c.OnNotice = p.notice

	return nil
}

func (p *ranPlans) notice(_ *pgconn.PgConn, n *pgconn.Notice) {
	_, text, found := strings.Cut(n.Message, "plan:\n")
	if !found {
		return
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	var q planned
	if err := json.Unmarshal([]byte(text), &q); err != nil {
		p.err = err
	}

	p.plans = append(p.plans, q)
}

func (p *ranPlans) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.plans = nil
}

// judge looks at every plan, and reports each read of a whole table.
func (p *ranPlans) judge(t *testing.T, look func(planned)) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.err != nil || len(p.plans) < 2 {
		t.Fatalf("%d plans, %v", len(p.plans), p.err)
	}

	for _, q := range p.plans {
		q.Plan.each(func(n *node) {
			if n.Type == "Seq Scan" {
				t.Errorf("%s is read whole by\n%s", n.Relation, q.Text)
			}
		})
		look(q)
	}
}

// each calls f for a node and all below it.
func (n *node) each(f func(*node)) {
	f(n)

	for i := range n.Plans {
		n.Plans[i].each(f)
	}
}
