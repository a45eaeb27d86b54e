package cog

import (
	"fmt"

	"coremachine/internal/raster/tiff"
)

// maxTaskLevels limits a task to 32 x 32 tiles.
const maxTaskLevels = 5

// Plan divides a raster into tasks. It is plain data: each task gets it as JSON
// and computes the same geometry.
type Plan struct {
	Width   int             `json:"width"`
	Height  int             `json:"height"`
	Bands   int             `json:"bands"`
	Type    tiff.SampleType `json:"type"`
	Alpha   bool            `json:"alpha,omitempty"`   // the last band
	Palette bool            `json:"palette,omitempty"` // the band contains numbers of colours

	// Options are those of the caller without defaults and Auto.
	Options Options `json:"options"`

	// TaskLevels is the number of overview levels that a task makes itself. A
	// task has 2^TaskLevels rows of tiles.
	TaskLevels int `json:"task_levels"`
	// FullWidth says that tasks are as wide as the raster, because the source
	// is stored in strips.
	FullWidth bool `json:"full_width,omitempty"`

	Tasks          int   `json:"tasks"`
	Blocks         int   `json:"blocks"`          // to stage and commit, with the header
	Tiles          int   `json:"tiles"`           // of all levels
	TaskMemory     int64 `json:"task_memory"`     // bytes that a task allocates at most
	OverviewMemory int64 `json:"overview_memory"` // bytes for RunOverviews, or 0
}

// NewPlan checks the options against the source and the limits. Its errors have
// CodeInvalid, CodeTooLarge, or a code of the source.
func NewPlan(im *tiff.Image, options Options) (*Plan, error) {
	if err := im.Readable(); err != nil {
		return nil, err
	}

	options, err := options.resolve(im)
	if err != nil {
		return nil, err
	}

	if err := checkSize(im, options.Limits); err != nil {
		return nil, err
	}

	p := &Plan{
		Width: im.Width, Height: im.Height, Bands: im.Bands, Type: im.Type, Alpha: im.HasAlpha(),
		Palette: im.Photometric == tiff.Palette, Options: options,
	}

	sizes := []int{3, 4, 5}
	if options.TaskLevels > 0 {
		sizes = []int{options.TaskLevels}
	}

	for _, levels := range sizes {
		p.divide(im, levels)

		if err = p.withinLimits(); err == nil {
			return p, nil
		}
	}

	return nil, err
}

func checkSize(im *tiff.Image, l Limits) error {
	raw := int64(im.Width) * int64(im.Height) * int64(im.PixelSize())

	switch {
	case max(im.Width, im.Height) > l.Side:
		return tiff.Errorf(tiff.CodeTooLarge, "The raster has %d x %d pixels, at most %d allowed in each direction",
			im.Width, im.Height, l.Side)
	case im.Bands > l.Bands:
		return tiff.Errorf(tiff.CodeTooLarge, "The raster has %d bands, at most %d allowed", im.Bands, l.Bands)
	case raw > l.RawBytes:
		return tiff.Errorf(tiff.CodeTooLarge, "The raster has %d bytes without compression, at most %d allowed",
			raw, l.RawBytes)
	default:
		return nil
	}
}

// divide sets what follows from the size of tasks.
func (p *Plan) divide(im *tiff.Image, levels int) {
	p.TaskLevels = levels
	p.FullWidth = im.BlockWidth > p.Options.BlockSize<<levels && im.Width > p.Options.BlockSize<<levels

	cols, rows := p.taskGrid()
	p.Tasks = cols * rows
	p.Blocks, p.Tiles = 1, 0

	for n := range p.LevelCount() {
		level := p.Level(n)
		p.Tiles += level.Cols * level.Rows

		if n > levels {
			cols = 1
		}

		p.Blocks += level.Rows * cols
	}

	p.TaskMemory = p.taskMemory(im)
	p.OverviewMemory = p.overviewMemory()
}

func (p *Plan) withinLimits() error {
	l := p.Options.Limits

	switch {
	case p.Blocks > l.Blocks:
		return tiff.Errorf(tiff.CodeTooLarge,
			"%d blocks needed, %d allowed; use a larger blocksize or split the raster",
			p.Blocks, l.Blocks)
	case p.Tasks > l.Tasks:
		return tiff.Errorf(tiff.CodeTooLarge, "%d tasks needed, %d allowed; use a larger blocksize or split the raster",
			p.Tasks, l.Tasks)
	case max(p.TaskMemory, p.OverviewMemory) > l.TaskMemory:
		return tiff.Errorf(tiff.CodeTooLarge, "A task needs %d MiB of memory, %d allowed; "+
			"store the source in tiles or use a smaller blocksize",
			max(p.TaskMemory, p.OverviewMemory)>>20, l.TaskMemory>>20)
	default:
		return nil
	}
}

// Level is the size of a level: 0 is the full resolution, and each next one has
// half the width and height, rounded up.
type Level struct {
	Width, Height int // pixels
	Cols, Rows    int // tiles
}

// Level returns the size of a level.
func (p *Plan) Level(n int) Level {
	half := func(side int) int { return (side + 1<<n - 1) >> n }
	l := Level{Width: half(p.Width), Height: half(p.Height)}
	l.Cols, l.Rows = ceilDiv(l.Width, p.Options.BlockSize), ceilDiv(l.Height, p.Options.BlockSize)

	return l
}

// LevelCount is the number of levels. The last one fits into one tile.
func (p *Plan) LevelCount() int {
	for n := 1; ; n++ {
		if last := p.Level(n - 1); last.Cols == 1 && last.Rows == 1 {
			return n
		}
	}
}

// NeedsOverviews reports whether RunOverviews has levels to make.
func (p *Plan) NeedsOverviews() bool { return p.LevelCount()-1 > p.TaskLevels }

// localLevels is the number of levels that tasks make, with the full one.
func (p *Plan) localLevels() int { return min(p.TaskLevels+1, p.LevelCount()) }

// taskTiles is the number of tiles of a task in each direction. Full-width
// tasks have one column.
func (p *Plan) taskTiles() int { return 1 << p.TaskLevels }

func (p *Plan) taskGrid() (cols, rows int) {
	full := p.Level(0)
	cols, rows = ceilDiv(full.Cols, p.taskTiles()), ceilDiv(full.Rows, p.taskTiles())

	if p.FullWidth {
		cols = 1
	}

	return cols, rows
}

// area is a part of a level, in tiles and in pixels.
type area struct {
	col, row, cols, rows int
	x, y, width, height  int
}

// area returns the part of a level that a task makes.
func (p *Plan) area(task, n int) area {
	cols, _ := p.taskGrid()
	level := p.Level(n)
	side := p.taskTiles() >> n

	a := area{col: task % cols * side, row: task / cols * side}
	a.cols, a.rows = min(side, level.Cols-a.col), min(side, level.Rows-a.row)

	if p.FullWidth {
		a.col, a.cols = 0, level.Cols
	}

	return p.withPixels(a, level)
}

func (p *Plan) withPixels(a area, level Level) area {
	size := p.Options.BlockSize
	a.x, a.y = a.col*size, a.row*size
	a.width, a.height = min(a.cols*size, level.Width-a.x), min(a.rows*size, level.Height-a.y)

	return a
}

// Window returns the pixels of the source that a task reads.
func (p *Plan) Window(task int) (x, y, width, height int) {
	a := p.area(task, 0)

	return a.x, a.y, a.width, a.height
}

// PixelSize is the length of a pixel with all bands in bytes.
func (p *Plan) PixelSize() int { return p.Bands * p.Type.Size() }

// histogramBytes is the memory for counting values.
func (p *Plan) histogramBytes() int64 {
	if !p.Options.Statistics {
		return 0
	}

	return int64(p.Bands) * int64(bins(p.Type)) * 8
}

// rowBytes is the length of a row of tiles in pixels of a width.
func (p *Plan) rowBytes(width int) int64 {
	return int64(width) * int64(min(p.Options.BlockSize, p.Height)) * int64(p.PixelSize())
}

// taskMemory counts the rows of tiles of all levels, which are at most twice
// the first, an encoded row, and the memory of the reader.
func (p *Plan) taskMemory(im *tiff.Image) int64 {
	width := p.area(0, 0).width

	return 3*p.rowBytes(width) + im.ReaderMemory(width, p.Options.BlockSize) + p.histogramBytes()
}

func (p *Plan) overviewMemory() int64 {
	if !p.NeedsOverviews() {
		return 0
	}

	scratch := p.rowBytes(p.area(0, p.TaskLevels).width)

	return 3*p.rowBytes(p.Level(p.TaskLevels).Width) + 2*scratch + p.histogramBytes()
}

// BlockID returns the id of a staged block, before base64: of a row of tiles of
// a level, from a column of tasks (0 for the levels of RunOverviews), by an
// attempt. All ids have the same length.
func BlockID(level, row, col, attempt int) string {
	return fmt.Sprintf("L%02d-R%07d-C%07d-A%04d", level, row, col, attempt)
}

// HeaderID returns the id of the block with the header.
func HeaderID(attempt int) string { return BlockID(99, 0, 0, attempt) }

// ScratchName returns the name under which a task stores scratch data. Every
// attempt stores the same data.
func ScratchName(task int) string { return fmt.Sprintf("t%06d", task) }

func ceilDiv(a, b int) int { return (a + b - 1) / b }
