package cog

import (
	"context"

	"coremachine/internal/raster/tiff"
)

// RunTask makes the tiles of a task. The image must be the one that the plan
// was made for.
func (p *Plan) RunTask(
	ctx context.Context, im *tiff.Image, task, attempt int, out Stager, scratch Scratch,
) (*TaskResult, error) {
	if err := p.check(im, task); err != nil {
		return nil, err
	}

	a := p.area(task, 0)

	reader, err := im.NewReader(ctx, a.x, a.width)
	if err != nil {
		return nil, err
	}
	defer reader.Close()

	last := p.localLevels() - 1

	enc, err := newEncoder(p)
	if err != nil {
		return nil, err
	}
	defer enc.close()

	pyramid := &pyramid{plan: p, encoder: enc, out: out, attempt: attempt, last: last}

	cols, _ := p.taskGrid()
	pyramid.col = task % cols

	for n := range last + 1 {
		pyramid.add(p.area(task, n), true)
	}

	stats := newCounter(p)

	for y := 0; y < a.height; {
		rows := min(p.Options.BlockSize, a.height-y)
		pixels := pyramid.buffer(rows)

		if err := reader.Read(ctx, a.y+y, rows, pixels); err != nil {
			return nil, err
		}

		stats.addRow(pixels, a.width)

		if err := pyramid.filled(ctx, 0, rows); err != nil {
			return nil, err
		}

		y += rows
	}

	result := &TaskResult{Task: task, Attempt: attempt, Sizes: packSizes(pyramid.sizes())}
	if p.Options.Statistics {
		result.Stats = stats.sums()
	}

	if !p.NeedsOverviews() {
		result.Percentiles = stats.percentiles()

		return result, nil
	}

	return result, scratch.Put(ctx, ScratchName(task), packScratch(enc, stats, pyramid.lastPixels()))
}

// check finds a plan that was made for another image.
func (p *Plan) check(im *tiff.Image, task int) error {
	if im.Width != p.Width || im.Height != p.Height || im.Bands != p.Bands || im.Type != p.Type {
		return tiff.Errorf(tiff.CodeInvalid, "The plan is for %d x %d pixels with %d bands of %s, not for this image",
			p.Width, p.Height, p.Bands, p.Type)
	}

	if task < 0 || task >= p.Tasks {
		return tiff.Errorf(tiff.CodeInvalid, "Task %d does not exist: the plan has %d tasks", task, p.Tasks)
	}

	return nil
}
