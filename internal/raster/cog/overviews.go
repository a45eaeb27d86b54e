package cog

import (
	"context"

	"coremachine/internal/raster/tiff"
)

// RunOverviews makes the levels that tasks do not make, from their scratch data.
// It reads the tasks in rows and holds two rows of tiles. All tasks must have
// ended, and NeedsOverviews must be true.
func (p *Plan) RunOverviews(ctx context.Context, attempt int, scratch Scratch, out Stager) (*OverviewResult, error) {
	if !p.NeedsOverviews() {
		return nil, tiff.Errorf(tiff.CodeInvalid, "The plan needs no overviews: its tasks make all %d levels",
			p.LevelCount())
	}

	enc, err := newEncoder(p)
	if err != nil {
		return nil, err
	}
	defer enc.close()

	pyramid := &pyramid{plan: p, encoder: enc, out: out, attempt: attempt, last: p.LevelCount() - 1}
	pyramid.skip(p.TaskLevels)

	for n := p.TaskLevels; n <= pyramid.last; n++ {
		level := p.Level(n)
		pyramid.add(p.withPixels(area{cols: level.Cols, rows: level.Rows}, level), n > p.TaskLevels)
	}

	stats := newCounter(p)
	cols, rows := p.taskGrid()

	for row := range rows {
		height := p.area(row*cols, p.TaskLevels).height
		pixels := pyramid.buffer(height)

		for col := range cols {
			if err := p.fetch(ctx, row*cols+col, scratch, enc, stats, pixels); err != nil {
				return nil, err
			}
		}

		if err := pyramid.filled(ctx, p.TaskLevels, height); err != nil {
			return nil, err
		}
	}

	return &OverviewResult{
		Attempt: attempt, Sizes: packSizes(pyramid.sizes()), Percentiles: stats.percentiles(),
	}, nil
}

// fetch copies the pixels of a task to a row of the level, and adds its counts.
func (p *Plan) fetch(
	ctx context.Context, task int, scratch Scratch, enc *encoder, stats *counter, pixels []byte,
) error {
	data, err := scratch.Get(ctx, ScratchName(task))
	if err != nil {
		return err
	}

	a := p.area(task, p.TaskLevels)
	width := a.width * p.PixelSize()

	own, err := unpackScratch(enc, stats, data, a.height*width)
	if err != nil {
		return tiff.Errorf(tiff.CodeInvalidCOG, "Scratch data %s: %v", ScratchName(task), err)
	}

	stride := p.Level(p.TaskLevels).Width * p.PixelSize()
	for y := range a.height {
		copy(pixels[y*stride+a.x*p.PixelSize():], own[y*width:][:width])
	}

	return nil
}
