package cog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"slices"

	"coremachine/internal/raster/tiff"
)

// Assemble computes the header and the list of blocks from the results of all
// tasks, in any order, and of RunOverviews, which is nil if NeedsOverviews is
// false. It takes tags of the source that do not depend on its encoding, such as
// those of the position. If a result is missing or does not fit the plan, it
// returns an Error with CodeInvalidCOG.
func (p *Plan) Assemble(
	ctx context.Context, im *tiff.Image, tasks iter.Seq2[*TaskResult, error], overviews *OverviewResult,
) (*Output, error) {
	if err := p.check(im, 0); err != nil {
		return nil, err
	}

	parts := newParts(p)

	for result, err := range tasks {
		if err != nil {
			return nil, err
		}

		if err := parts.add(result); err != nil {
			return nil, err
		}
	}

	if err := parts.complete(overviews); err != nil {
		return nil, err
	}

	out := &Output{Stats: parts.bandStats(), Levels: parts.levelInfo()}

	meta, err := readMetadata(ctx, p, im, out.Stats)
	if err != nil {
		return nil, err
	}

	out.Header, out.Size, out.BigTIFF = parts.header(meta)
	sum := sha256.Sum256(out.Header)
	out.HeaderSHA256 = hex.EncodeToString(sum[:])
	out.Blocks = parts.blocks()

	return out, nil
}

// parts collects the results of tasks.
type parts struct {
	plan     *Plan
	levels   []Level
	sizes    [][]uint32 // of tiles, by level, row by row
	attempts []int      // by task; -1 while it is missing
	attempt  int        // of RunOverviews
	sums     []wideSums
	tails    []Percentiles
}

func newParts(p *Plan) *parts {
	a := &parts{plan: p, attempts: make([]int, p.Tasks)}
	for i := range a.attempts {
		a.attempts[i] = -1
	}

	for n := range p.LevelCount() {
		level := p.Level(n)
		a.levels = append(a.levels, level)
		a.sizes = append(a.sizes, make([]uint32, level.Cols*level.Rows))
	}

	if p.Options.Statistics {
		a.sums = make([]wideSums, p.Bands)
	}

	return a
}

// add records the result of a task.
func (a *parts) add(r *TaskResult) error {
	p := a.plan

	switch {
	case r.Task < 0 || r.Task >= p.Tasks:
		return tiff.Errorf(tiff.CodeInvalidCOG, "Task %d does not exist: the plan has %d tasks", r.Task, p.Tasks)
	case a.attempts[r.Task] >= 0:
		return tiff.Errorf(tiff.CodeInvalidCOG, "Task %d has two results", r.Task)
	case r.Attempt < 0:
		return tiff.Errorf(tiff.CodeInvalidCOG, "Task %d has attempt %d", r.Task, r.Attempt)
	case len(r.Stats) != len(a.sums):
		return tiff.Errorf(tiff.CodeInvalidCOG, "Task %d has statistics of %d bands, want %d",
			r.Task, len(r.Stats), len(a.sums))
	}

	a.attempts[r.Task] = r.Attempt

	areas := make([]area, p.localLevels())
	tiles := 0

	for n := range areas {
		areas[n] = p.area(r.Task, n)
		tiles += areas[n].cols * areas[n].rows
	}

	sizes, err := unpackSizes(r.Sizes, tiles)
	if err != nil {
		return tiff.Errorf(tiff.CodeInvalidCOG, "The sizes of task %d are damaged: %v", r.Task, err)
	}

	for n, at := range areas {
		sizes = a.put(n, at, sizes)
	}

	for band := range a.sums {
		if err := a.sums[band].merge(r.Stats[band]); err != nil {
			return err
		}
	}

	if r.Percentiles != nil {
		a.tails = r.Percentiles
	}

	return nil
}

// put stores the first sizes as those of a part of a level, and returns the
// others.
func (a *parts) put(level int, at area, sizes []int) []int {
	for row := range at.rows {
		for col := range at.cols {
			a.sizes[level][(at.row+row)*a.levels[level].Cols+at.col+col] = uint32(sizes[row*at.cols+col])
		}
	}

	return sizes[at.rows*at.cols:]
}

// complete records the result of RunOverviews and checks that nothing is
// missing.
func (a *parts) complete(overviews *OverviewResult) error {
	for task, attempt := range a.attempts {
		if attempt < 0 {
			return tiff.Errorf(tiff.CodeInvalidCOG, "The result of task %d is missing", task)
		}
	}

	if a.plan.NeedsOverviews() != (overviews != nil) {
		return tiff.Errorf(tiff.CodeInvalidCOG, "The result of the overviews is given: %t, want %t",
			overviews != nil, a.plan.NeedsOverviews())
	}

	if overviews != nil {
		if err := a.addOverviews(overviews); err != nil {
			return err
		}
	}

	if a.sums != nil && len(a.tails) != len(a.sums) {
		return tiff.Errorf(tiff.CodeInvalidCOG, "Percentiles of %d bands, want %d", len(a.tails), len(a.sums))
	}

	if a.plan.Options.Sparse {
		return nil
	}

	for n, sizes := range a.sizes {
		for i, size := range sizes {
			if size == 0 {
				return tiff.Errorf(tiff.CodeInvalidCOG, "Tile %d of level %d is empty", i, n)
			}
		}
	}

	return nil
}

func (a *parts) addOverviews(r *OverviewResult) error {
	first, tiles := a.plan.localLevels(), 0
	for _, level := range a.levels[first:] {
		tiles += level.Cols * level.Rows
	}

	sizes, err := unpackSizes(r.Sizes, tiles)
	if err != nil {
		return tiff.Errorf(tiff.CodeInvalidCOG, "The sizes of the overviews are damaged: %v", err)
	}

	for n, level := range a.levels[first:] {
		sizes = a.put(first+n, area{cols: level.Cols, rows: level.Rows}, sizes)
	}

	a.attempt, a.tails = r.Attempt, r.Percentiles

	return nil
}

func (a *parts) bandStats() []BandStats {
	if a.sums == nil {
		return nil
	}

	all := make([]BandStats, len(a.sums))
	for band := range all {
		all[band] = a.sums[band].finish(int64(a.plan.Width)*int64(a.plan.Height), a.tails[band])
	}

	return all
}

func (a *parts) levelInfo() []LevelInfo {
	all := make([]LevelInfo, len(a.levels))
	for n, level := range a.levels {
		all[n] = LevelInfo{Width: level.Width, Height: level.Height, Tiles: level.Cols * level.Rows}

		for _, size := range a.sizes[n] {
			all[n].Bytes += int64(size)
		}
	}

	return all
}

// blocks returns the staged blocks in the order of the file: the smallest level
// first, and each level row by row.
func (a *parts) blocks() []BlockRef {
	var all []BlockRef

	for n, level := range slices.Backward(a.levels) {
		for row := range level.Rows {
			all = a.appendRow(all, n, row)
		}
	}

	return all
}

// appendRow appends the blocks of a row of tiles. A row without data has none.
func (a *parts) appendRow(all []BlockRef, level, row int) []BlockRef {
	p, cols := a.plan, a.levels[level].Cols
	sizes := a.sizes[level][row*cols:][:cols]

	if level >= p.localLevels() {
		return appendBlock(all, BlockID(level, row, 0, a.attempt), sizes)
	}

	taskCols, _ := p.taskGrid()
	taskRow := row / (p.taskTiles() >> level)

	for col := range taskCols {
		task := taskRow*taskCols + col
		at := p.area(task, level)
		all = appendBlock(all, BlockID(level, row, col, a.attempts[task]), sizes[at.col:][:at.cols])
	}

	return all
}

func appendBlock(all []BlockRef, id string, sizes []uint32) []BlockRef {
	total := int64(0)

	for _, size := range sizes {
		if size > 0 {
			total += leader + int64(size) + trailer
		}
	}

	if total == 0 {
		return all
	}

	return append(all, BlockRef{id, total})
}
