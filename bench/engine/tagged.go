package engine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

var (
	//go:embed queries/fill_tagged.sql
	fillTagged string
	//go:embed queries/fill_terms.sql
	fillTerms string
)

// TaggedResult is how long pages of a list took, in milliseconds.
type TaggedResult struct {
	Filter string  `json:"filter"`
	Reads  int     `json:"reads"`
	P50    float64 `json:"p50_ms"`
	P95    float64 `json:"p95_ms"`
	Most   float64 `json:"max_ms"`
	Items  int     `json:"items"` // of all pages
}

// taggedFilter is a filter of the comparison. Terms may depend on a number, so
// that each read has other values.
type taggedFilter struct {
	name  string
	build func(g int) view.JobFilter
}

func taggedFilters(jobs int) []taggedFilter {
	term := func(name string, value any) state.Term { return state.Term{Name: name, Value: fmt.Sprint(value)} }
	prod := term("tag.env", "prod")
	customer := func(g int) state.Term { return term("tag.customer", fmt.Sprintf("customer %d", g%1000)) }
	terms := func(all ...state.Term) view.JobFilter { return view.JobFilter{Terms: all} }

	return []taggedFilter{
		{"none", func(int) view.JobFilter { return view.JobFilter{} }},
		{"a tag of 90 %", func(int) view.JobFilter { return terms(prod) }},
		{"a tag of 0.1 %", func(g int) view.JobFilter { return terms(customer(g)) }},
		{"a tag of 100 jobs", func(g int) view.JobFilter { return terms(term("tag.batch", g/100)) }},
		{"a parameter, 0.1 %", func(g int) view.JobFilter { return terms(term("param.n", g%1000)) }},
		{"two tags", func(g int) view.JobFilter { return terms(prod, customer(g)) }},
		{"tag and parameter", func(g int) view.JobFilter { return terms(prod, term("param.n", g%1000)) }},
		{"two tags of no job", func(g int) view.JobFilter { return terms(customer(g), term("param.n", (g+1)%1000)) }},
		{"tag and status", func(int) view.JobFilter {
			return view.JobFilter{Terms: []state.Term{prod}, Statuses: []state.JobStatus{state.JobFailed}}
		}},
		{"tag and another type", func(int) view.JobFilter {
			return view.JobFilter{Terms: []state.Term{prod}, Type: "none"}
		}},
		{"a tag of no job", func(int) view.JobFilter { return terms(term("tag.env", jobs)) }},
	}
}

// Tagged fills a database with ended jobs that have tags, and reads pages of
// lists by tag and by parameter, half of them from a random place on.
func Tagged(ctx context.Context, o Options, jobs int) (all []TaggedResult, err error) {
	err = withSystem(ctx, &o, func(s system) error {
		now := time.Now()

		if err := fillWithTags(ctx, s.address(), jobs, now); err != nil {
			return err
		}

		db, err := openDatabase(ctx, s)
		if err != nil {
			return err
		}
		defer db.close()

		for _, f := range taggedFilters(jobs) {
			r, err := readTagged(ctx, db.repo, f, o.N, jobs, now)
			if err != nil {
				return err
			}

			all = append(all, r)
		}

		return nil
	})

	return all, err
}

const (
	taggedPage = 50
	taggedWarm = 5 // reads before the measurement
)

func readTagged(
	ctx context.Context, r *repo.Repo, f taggedFilter, reads, jobs int, now time.Time,
) (TaggedResult, error) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same reads in each run
	res := TaggedResult{Filter: f.name, Reads: reads}

	var took []time.Duration

	for i := range taggedWarm + reads {
		filter := f.build(1 + random.IntN(jobs))

		filter.Limit = taggedPage
		if i%2 == 1 {
			filter.After = &view.JobCursor{CreatedAt: now.Add(-time.Duration(random.IntN(jobs)) * time.Second)}
		}

		begin := time.Now()

		page, err := r.ListJobs(ctx, filter)
		if err != nil {
			return res, err
		}

		if i >= taggedWarm {
			took = append(took, time.Since(begin))
			res.Items += len(page.Items)
		}
	}

	res.P50, res.P95, res.Most = percentile(took, 50), percentile(took, 95), percentile(took, 100)

	return res, nil
}

// tagBatch is the number of jobs of a statement.
const tagBatch = 20_000

func fillWithTags(ctx context.Context, address string, jobs int, now time.Time) (err error) {
	conn, err := pgx.Connect(ctx, address) // no limit of time: each statement makes many rows
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()

	for from := 1; from <= jobs; from += tagBatch {
		to := min(jobs, from+tagBatch-1)
		for _, text := range []string{fillTagged, fillTerms} {
			if _, err := conn.Exec(ctx, text, from, to, now); err != nil {
				return err
			}
		}
	}

	for _, text := range []string{"vacuum (analyze) jobs", "vacuum (analyze) job_terms", "checkpoint"} {
		if _, err := conn.Exec(ctx, text); err != nil {
			return err
		}
	}

	return nil
}
