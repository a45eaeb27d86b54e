package repo

import (
	"context"
	"errors"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Bounds of a page of results, of parts or of inputs. A page ends after the row
// with which it reaches pageBytes, so that with the largest row it holds at
// most 8 MiB.
const (
	pageBytes  = 8<<20 - state.MaxResult
	resultSpan = 1000 // indexes
	partsPage  = 1000 // parts
)

// Predecessors returns the results of each range by index, at most 8 MiB in
// total. If they do not fit, the last ones are missing: a range whose page is
// not Whole has its results below Until.
func (r *Repo) Predecessors(ctx context.Context, ranges []state.ResultRange) ([]state.ResultPage, error) {
	n := len(ranges)
	jobs, stages, firsts, counts := make([][]byte, n), make([]int16, n), make([]int32, n), make([]int32, n)
	pages := make([]state.ResultPage, n)

	for i := range ranges {
		k := &ranges[i]
		jobs[i], stages[i], firsts[i], counts[i] = k.JobID[:], int16(k.Stage), int32(k.First), int32(k.Count)
		pages[i] = state.ResultPage{Until: k.First, Results: make(map[int][]byte, k.Count)}
	}

	rows, err := r.pool.Query(ctx, statement("predecessors"), namedArgs{
		"job_ids": jobs, "stages": stages, "firsts": firsts, "counts": counts, "bytes": pageBytes,
	})
	if err != nil {
		return nil, failure("repo.Predecessors", err)
	}

	var (
		place, index, last, size int
		result                   []byte
	)
	if _, err = pgx.ForEachRow(rows, []any{&place, &index, &result}, func() error {
		page := &pages[place-1]

		page.Results[index], page.Until = append([]byte(nil), result...), index+1
		last, size = place, size+len(result)

		return nil
	}); err != nil {
		return nil, failure("repo.Predecessors", err)
	}

	for i := range pages {
		if size < pageBytes || i < last-1 {
			pages[i].Until, pages[i].Whole = ranges[i].First+ranges[i].Count, true
		}
	}

	return pages, nil
}

// Results streams the completed results of a stage by index, each after its
// parts. It holds no connection between pages, so a slow reader costs nothing.
// If the job has no such stage, or the stage has results of another type than
// declared, it yields CodeDefinitionChanged. A declaration that is only a name
// matches a stage of any kind with that name.
func (r *Repo) Results(
	ctx context.Context,
	id state.JobID,
	declared state.StageShape,
) iter.Seq2[state.StoredPart, error] {
	const op = "repo.Results"

	stage := declared.Name

	return func(yield func(state.StoredPart, error) bool) {
		var (
			number, gen, total int
			parts              bool
		)

		stored := state.StageShape{Name: stage}

		err := r.pool.QueryRow(ctx, statement("stage_extent"), namedArgs{"job_id": id[:], "name": stage}).
			Scan(&number, &gen, &stored.TaskType, &stored.Kind, &stored.Dependencies, &total, &parts)
		if errors.Is(err, pgx.ErrNoRows) {
			err = state.Errorf(
				state.CodeDefinitionChanged,
				op,
				"the job was submitted without a stage %q",
				stage,
			)
		}

		if err != nil {
			yield(state.StoredPart{}, failure(op, err))
			return
		}

		if diff := stored.OutputDifference(declared); diff != "" && declared.Kind != "" {
			yield(state.StoredPart{}, state.Errorf(state.CodeDefinitionChanged, op, "%s", diff))
			return
		}

		for from := 0; from < total; {
			page, next, err := r.resultsPage(ctx, id, stage, from)
			if err != nil {
				yield(state.StoredPart{}, err)
				return
			}

			for i, row := range page {
				page[i].Data = nil // only the reader keeps it

				if parts && !r.yieldParts(ctx, id, number, gen, row, yield) {
					return
				}

				if !yield(state.StoredPart{Index: row.Index, Part: -1, Data: row.Data}, nil) {
					return
				}
			}

			from = next
		}
	}
}

type resultRow struct {
	Index   int
	Attempt int
	Data    []byte
}

// resultsPage returns the results from an index on, and the index at which the
// next page begins.
func (r *Repo) resultsPage(
	ctx context.Context,
	id state.JobID,
	stage string,
	from int,
) (page []resultRow, next int, err error) {
	rows, err := r.pool.Query(ctx, statement("results_page"), namedArgs{
		"job_id": id[:], "name": stage, "from": from, "span": resultSpan, "bytes": pageBytes,
	})
	if err != nil {
		return nil, 0, failure("repo.Results", err)
	}

	page, err = pgx.CollectRows(rows, pgx.RowToStructByPos[resultRow])
	if err != nil {
		return nil, 0, failure("repo.Results", err)
	}

	size := 0
	for i := range page {
		size += len(page[i].Data)
	}

	if size >= pageBytes {
		return page, page[len(page)-1].Index + 1, nil
	}

	return page, from + resultSpan, nil
}

// yieldParts streams the parts of one result. Each page begins after the last
// part seen, so missing part numbers do not matter.
func (r *Repo) yieldParts(
	ctx context.Context,
	id state.JobID,
	stage, gen int,
	row resultRow,
	yield func(state.StoredPart, error) bool,
) bool {
	for last := -1; ; {
		page, more, err := r.partsPage(ctx, id, stage, gen, row, last)
		if err != nil {
			return yield(state.StoredPart{}, err) && false
		}

		for i, p := range page {
			page[i].Data = nil // only the reader keeps it

			if !yield(p, nil) {
				return false
			}

			last = p.Part
		}

		if !more {
			return true
		}
	}
}

// partsPage returns the parts after a number, and whether more can follow.
func (r *Repo) partsPage(
	ctx context.Context, id state.JobID, stage, gen int, row resultRow, after int,
) (page []state.StoredPart, more bool, err error) {
	rows, err := r.pool.Query(ctx, statement("parts_page"), namedArgs{
		"job_id":  id[:],
		"stage":   stage,
		"gen":     gen,
		"index":   row.Index,
		"attempt": row.Attempt,
		"after":   after,
		"most":    partsPage,
		"bytes":   pageBytes,
	})
	if err != nil {
		return nil, false, failure("repo.Results", err)
	}

	size := 0

	page, err = pgx.CollectRows(rows, func(c pgx.CollectableRow) (state.StoredPart, error) {
		p := state.StoredPart{Index: row.Index}
		err := c.Scan(&p.Part, &p.Data)
		size += len(p.Data)

		return p, err
	})
	if err != nil {
		return nil, false, failure("repo.Results", err)
	}

	return page, len(page) == partsPage || size >= pageBytes, nil
}

// EmitPart stores one part of a running attempt's output.
func (r *Repo) EmitPart(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	index, part int,
	data []byte,
) (state.PartFate, error) {
	const op = "repo.EmitPart"

	args := fence(worker, h)
	args["stage"], args["gen"], args["index"], args["part"], args["data"] = h.Stage, h.Gen, index, part, data

	var (
		fate  state.PartFate
		found []byte
	)

	err := r.single(ctx, op, "emit_part", args, func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&fate.Held, &fate.Stored, &found}, func() error { return nil })
		return err
	})
	if err == nil && fate.Held && !fate.Stored && found == nil {
		err = state.Errorf(state.CodeUnavailable, op, "another write of the same part was just committed")
	}

	copy(fate.Found[:], found)

	return fate, err
}
