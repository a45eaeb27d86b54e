package repo

import (
	"context"
	"errors"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Job returns what never changes of a job: its type and its parameters as canonical JSON. It is cached.
func (r *Repo) Job(ctx context.Context, id state.JobID) (jobType string, params []byte, err error) {
	if j, ok := r.params.get(id); ok {
		return j.jobType, j.params, nil
	}
	err = r.pool.QueryRow(ctx, statement("job_params"), namedArgs{"job_id": id[:]}).Scan(&jobType, &params)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil, state.Errorf(state.CodeNotFound, "repo.Job", "there is no job %s", id)
	}
	if err != nil {
		return "", nil, failure("repo.Job", err)
	}
	r.params.put(id, cachedJob{jobType, params})
	return jobType, params, nil
}

// Predecessors returns the results of each range, by index.
func (r *Repo) Predecessors(ctx context.Context, ranges []state.ResultRange) ([]map[int][]byte, error) {
	n := len(ranges)
	jobs, stages, firsts, counts := make([][]byte, n), make([]int16, n), make([]int32, n), make([]int32, n)
	results := make([]map[int][]byte, n)
	for i := range ranges {
		k := &ranges[i]
		jobs[i], stages[i], firsts[i], counts[i] = k.JobID[:], int16(k.Stage), int32(k.First), int32(k.Count)
		results[i] = make(map[int][]byte, k.Count)
	}
	rows, err := r.pool.Query(ctx, statement("predecessors"), namedArgs{
		"job_ids": jobs, "stages": stages, "firsts": firsts, "counts": counts,
	})
	if err != nil {
		return nil, failure("repo.Predecessors", err)
	}
	var place, index int
	var result []byte
	if _, err = pgx.ForEachRow(rows, []any{&place, &index, &result}, func() error {
		results[place-1][index] = append([]byte(nil), result...)
		return nil
	}); err != nil {
		return nil, failure("repo.Predecessors", err)
	}
	return results, nil
}

// Pages of streamed results: indexes read at once, and parts read at once.
const (
	resultSpan = 1000
	partsPage  = 8
)

// Results streams the completed results of a stage in index order, the parts of each before it. No connection is held
// between pages, so a slow reader costs nothing.
func (r *Repo) Results(ctx context.Context, id state.JobID, stage string) iter.Seq2[state.StoredPart, error] {
	return func(yield func(state.StoredPart, error) bool) {
		var number, gen, total int
		var parts bool
		err := r.pool.QueryRow(ctx, statement("stage_extent"), namedArgs{"job_id": id[:], "name": stage}).
			Scan(&number, &gen, &total, &parts)
		if err != nil {
			yield(state.StoredPart{}, failure("repo.Results", err))
			return
		}
		for from := 0; from < total; from += resultSpan {
			page, err := r.resultsPage(ctx, id, stage, from)
			if err != nil {
				yield(state.StoredPart{}, err)
				return
			}
			for _, row := range page {
				if parts && !r.yieldParts(ctx, id, number, gen, row, yield) {
					return
				}
				if !yield(state.StoredPart{Index: row.Index, Part: -1, Data: row.Data}, nil) {
					return
				}
			}
		}
	}
}

type resultRow struct {
	Index   int
	Attempt int
	Data    []byte
}

func (r *Repo) resultsPage(ctx context.Context, id state.JobID, stage string, from int) ([]resultRow, error) {
	rows, err := r.pool.Query(ctx, statement("results_page"), namedArgs{
		"job_id": id[:], "name": stage, "from": from, "span": resultSpan,
	})
	if err != nil {
		return nil, failure("repo.Results", err)
	}
	page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[resultRow])
	if err != nil {
		return nil, failure("repo.Results", err)
	}
	return page, nil
}

func (r *Repo) yieldParts(ctx context.Context, id state.JobID, stage, gen int, row resultRow, yield func(state.StoredPart, error) bool) bool {
	for from := 0; ; from += partsPage {
		rows, err := r.pool.Query(ctx, statement("parts_page"), namedArgs{
			"job_id": id[:], "stage": stage, "gen": gen, "index": row.Index, "attempt": row.Attempt, "from": from, "most": partsPage,
		})
		if err != nil {
			return yield(state.StoredPart{}, failure("repo.Results", err)) && false
		}
		page, err := pgx.CollectRows(rows, func(c pgx.CollectableRow) (state.StoredPart, error) {
			p := state.StoredPart{Index: row.Index}
			return p, c.Scan(&p.Part, &p.Data)
		})
		if err != nil {
			return yield(state.StoredPart{}, failure("repo.Results", err)) && false
		}
		for _, p := range page {
			if !yield(p, nil) {
				return false
			}
		}
		if len(page) < partsPage {
			return true
		}
	}
}

// EmitPart stores one part of a running attempt's output; landed is false where the attempt is fenced out.
func (r *Repo) EmitPart(ctx context.Context, worker uuid.UUID, h state.Held, index, part int, data []byte) (landed bool, err error) {
	args := fence(worker, h)
	args["index"], args["part"], args["data"] = index, part, data
	n, err := r.one(ctx, "repo.EmitPart", "emit_part", args)
	return n > 0, err
}
