package cog

import (
	"context"
	"slices"
)

// pyramid takes rows of tiles of its first level, encodes them, and makes the
// smaller levels. It holds one row of tiles of each level.
type pyramid struct {
	plan    *Plan
	encoder *encoder
	out     Stager
	col     int // of the task
	attempt int

	strips []*strip // by level
	last   int      // the last level
	block  []byte
}

// strip is a row of tiles of a level, while it is filled.
type strip struct {
	area
	stage  bool // whether its tiles are encoded
	level  int
	row    int // of tiles, from the top of the area
	rows   int // of pixels that are filled
	pixels []byte
	sizes  []int
}

// add appends a level.
func (p *pyramid) add(a area, stage bool) {
	s := &strip{area: a, stage: stage, level: len(p.strips)}
	s.pixels = make([]byte, min(p.plan.Options.BlockSize, a.height)*a.width*p.plan.PixelSize())
	p.strips = append(p.strips, s)
}

// skip leaves out the first levels.
func (p *pyramid) skip(levels int) {
	for range levels {
		p.strips = append(p.strips, nil)
	}
}

func (p *pyramid) first() *strip {
	return p.strips[slices.IndexFunc(p.strips, func(s *strip) bool { return s != nil })]
}

// buffer returns the pixels of the next rows of the first level.
func (p *pyramid) buffer(rows int) []byte {
	s := p.first()

	return s.pixels[:rows*s.width*p.plan.PixelSize()]
}

// filled takes a row of tiles, of which all rows of pixels are there.
func (p *pyramid) filled(ctx context.Context, level, rows int) error {
	s := p.strips[level]
	s.rows = rows

	if s.stage {
		if err := p.stage(ctx, s); err != nil {
			return err
		}
	}

	s.row++

	if level == p.last {
		return nil
	}

	next := p.strips[level+1]
	if next.rows == p.plan.Options.BlockSize {
		next.rows = 0
	}

	pixel := p.plan.PixelSize()
	half := (rows + 1) / 2

	p.encoder.reduce(next.pixels[next.rows*next.width*pixel:][:half*next.width*pixel],
		s.pixels[:rows*s.width*pixel], s.width, next.width)

	next.rows += half

	done := next.row*p.plan.Options.BlockSize + next.rows
	if next.rows == p.plan.Options.BlockSize || done == next.height {
		return p.filled(ctx, level+1, next.rows)
	}

	return nil
}

// stage encodes a row of tiles and stages it as one block.
func (p *pyramid) stage(ctx context.Context, s *strip) error {
	p.block = p.block[:0]

	for col := range s.cols {
		before := len(p.block)

		block, err := p.encoder.appendTile(p.block, s, col)
		if err != nil {
			return err
		}

		p.block = block
		s.sizes = append(s.sizes, max(0, len(block)-before-leader-trailer))
	}

	if len(p.block) == 0 {
		return nil // all tiles are left out
	}

	return p.out.Stage(ctx, BlockID(s.level, s.area.row+s.row, p.col, p.attempt), p.block)
}

// sizes returns the sizes of the tiles of all levels.
func (p *pyramid) sizes() []int {
	var all []int

	for _, s := range p.strips {
		if s != nil {
			all = append(all, s.sizes...)
		}
	}

	return all
}

// lastPixels returns the pixels of the last level, which has one row of tiles.
func (p *pyramid) lastPixels() []byte {
	s := p.strips[p.last]

	return s.pixels[:s.rows*s.width*p.plan.PixelSize()]
}
