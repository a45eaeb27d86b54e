package repo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// gridTries is the maximum number of attempts to count a stage that is run again
// in the meantime.
const gridTries = 3

// ReadGrid returns the tasks of a stage as ranges of equal status. A process
// counts a running stage about once a second and an ended stage once, regardless
// of the number of callers. It returns CodeNotFound if there is no such job or
// stage, and CodeUnavailable if counting takes too long.
func (r *Repo) ReadGrid(ctx context.Context, id state.JobID, stage string) (view.GridView, error) {
	const op = "repo.ReadGrid"
	for range gridTries {
		s, err := r.gridStage(ctx, op, id, stage)
		if err != nil {
			return view.GridView{}, err
		}

		key := gridKey{id, s.Incarnation, s.Stage}
		if known, ok := r.grids.get(key); ok && known.trueOf(s, time.Now()) {
			return known.view, nil
		}

		made, err := r.countGrid(ctx, key, stage, s)
		if err != nil || made.view.Ranges != nil {
			return made.view, err
		}
	}

	return view.GridView{}, state.Errorf(state.CodeUnavailable, op, "the stage %q is being run again", stage)
}

type gridStage struct {
	Incarnation int64
	Stage       int
	Gen         int
	Planned     int
	FinishedAt  *time.Time
}

func (s gridStage) finished() time.Time {
	if s.FinishedAt == nil {
		return time.Time{}
	}

	return *s.FinishedAt
}

func (r *Repo) gridStage(ctx context.Context, op string, id state.JobID, stage string) (gridStage, error) {
	rows, err := r.pool.Query(ctx, statement("read_grid_stage"), namedArgs{"job_id": id[:], "name": stage})
	if err != nil {
		return gridStage{}, failure(op, err)
	}

	s, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[gridStage])
	if errors.Is(err, pgx.ErrNoRows) {
		_, err = r.listedStages(ctx, op, id, view.TaskFilter{Stage: stage})
		if err == nil {
			err = state.Errorf(state.CodeUnavailable, op, "the stage %q was just created", stage)
		}

		return gridStage{}, err
	}

	if err != nil {
		return gridStage{}, failure(op, err)
	}

	return s, nil
}

// countGrid counts once for all concurrent callers. Counting continues if the
// request that started it ends.
func (r *Repo) countGrid(ctx context.Context, key gridKey, name string, s gridStage) (grid, error) {
	asked := fmt.Sprintf("%s/%d/%d/%d/%d", key.job, key.incarnation, key.stage, s.Gen, s.finished().UnixMicro())

	g, err := r.grids.group.Do(ctx, asked, gridLimit, func(ctx context.Context) (grid, error) {
		if known, ok := r.grids.get(key); ok && known.trueOf(s, time.Now()) {
			return known, nil // another caller has counted in the meantime
		}

		begin := time.Now()

		g, err := r.readGrid(ctx, key, name, s)
		if err != nil || g.view.Ranges == nil {
			return g, err
		}

		g.made, g.took = time.Now(), time.Since(begin)
		r.grids.put(key, g)

		return g, nil
	})
	if err != nil {
		return grid{}, failure("repo.ReadGrid", err)
	}

	return g, nil
}

type gridRow struct {
	Status     state.StageStatus
	Planned    int
	Completed  int
	Failed     int
	Cancelled  int
	FinishedAt *time.Time
	At         time.Time
	Running    int
	Cells      string
}

// readGrid counts. If the stage has another incarnation or generation by now, the
// ranges of the grid are nil.
func (r *Repo) readGrid(ctx context.Context, key gridKey, name string, s gridStage) (grid, error) {
	const op = "repo.ReadGrid"

	cell := view.GridCell(s.Planned)

	rows, err := r.pool.Query(ctx, statement("read_grid"), namedArgs{
		"job_id": key.job[:], "incarnation": key.incarnation, "stage": key.stage,
		"gen": s.Gen, "cell": cell, "until": s.Planned,
	})
	if err != nil {
		return grid{}, gridFailure(ctx, op, err)
	}

	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[gridRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return grid{}, nil
	}

	if err != nil {
		return grid{}, gridFailure(ctx, op, err)
	}

	g := grid{view: view.GridView{
		JobID:  key.job,
		Stage:  name,
		Gen:    s.Gen,
		Status: row.Status,
		Cell:   cell,
		At:     row.At.UTC(),
		Final:  row.FinishedAt != nil,
		Tasks: view.TaskCounts{
			Total:     row.Planned,
			Running:   row.Running,
			Completed: row.Completed,
			Failed:    row.Failed,
			Cancelled: row.Cancelled,
		},
		Ranges: gridRanges(row.Cells, cell, s.Planned),
	}}
	g.view.Tasks.Settle()
	g.finished = gridStage{FinishedAt: row.FinishedAt}.finished()

	return g, nil
}

func gridFailure(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return state.Wrap(
			state.CodeUnavailable,
			op,
			"counting the tasks of the stage timed out: try again",
			err,
		)
	}

	return failure(op, err)
}

var gridLetters = map[byte]view.GridStatus{
	'f': view.GridFailed,
	'r': view.GridRetrying,
	'u': view.GridRunning,
	'x': view.GridCancelled,
	'c': view.GridCompleted,
	'p': view.GridPartly,
	'q': view.GridQueued,
}

// gridRanges joins neighbouring cells with the same letter.
func gridRanges(cells string, cell, tasks int) []view.GridRange {
	ranges := []view.GridRange{}

	for i := 0; i < len(cells); {
		end := i + 1
		for end < len(cells) && cells[end] == cells[i] {
			end++
		}

		first := i * cell
		ranges = append(
			ranges,
			view.GridRange{First: first, Count: min(end*cell, tasks) - first, Status: gridLetters[cells[i]]},
		)
		i = end
	}

	return ranges
}
