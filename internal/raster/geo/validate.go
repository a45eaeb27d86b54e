package geo

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"coremachine/internal/raster/tiff"
)

// Validation lists how a file breaks the rules of a COG. A file with errors is
// not a COG. A file with warnings is a slow one.
type Validation struct {
	Errors   []string `json:"errors"`
	Warnings []string `json:"warnings"`
}

// Valid reports whether there is no error and, if strict, no warning.
func (v Validation) Valid(strict bool) bool {
	return len(v.Errors) == 0 && (!strict || len(v.Warnings) == 0)
}

// ValidateOptions bound the work of Validate.
type ValidateOptions struct {
	// Leaders is the number of tiles whose leader and trailer are read, spread
	// over all levels. Negative reads all.
	Leaders int
}

// maxFindings bounds the errors, and the warnings, of a Validation.
const maxFindings = 20

// largeSide is the number of pixels above which an image needs overviews, and
// largeWidth above which it needs tiles.
const (
	largeSide  = 512
	largeWidth = 1024
)

// Validate checks the rules of GDAL's validator: the order of directories and
// data, tiles, overviews, and what the structural metadata promises. The rule
// about a separate file with overviews is for the caller.
func Validate(ctx context.Context, f *tiff.File, o ValidateOptions) (Validation, error) {
	c := &validator{ctx: ctx, file: f, Validation: Validation{Errors: []string{}, Warnings: []string{}}}
	levels := append([]*tiff.Image{f.Images[0]}, f.Overviews()...)

	c.header()
	c.sizes(levels)

	total := int64(0)
	for _, im := range levels {
		total += im.BlockCount()
	}

	c.every = total
	if o.Leaders < 0 {
		c.every = 1
	} else if o.Leaders > 0 {
		c.every = max(1, total/int64(o.Leaders))
	}

	c.sample = o.Leaders != 0 && f.Ghost["BLOCK_LEADER"] == "SIZE_AS_UINT4"

	if err := c.data(levels); err != nil {
		return c.Validation, err
	}

	return c.Validation, nil
}

type validator struct {
	Validation

	ctx    context.Context
	file   *tiff.File
	sample bool
	every  int64 // which tiles are sampled
	tile   int64
}

func (c *validator) errorf(format string, args ...any) {
	if len(c.Errors) < maxFindings {
		c.Errors = append(c.Errors, fmt.Sprintf(format, args...))
	}
}

func (c *validator) warnf(format string, args ...any) {
	if len(c.Warnings) < maxFindings {
		c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
	}
}

func (c *validator) header() {
	f := c.file

	want := int64(8)
	if f.Big {
		want = 16
	}

	if f.Ghost != nil {
		want = f.GhostEnd + f.GhostEnd%2
	}

	if f.FirstDirectory != want {
		c.errorf("The first directory is at %d, want %d: directories come before the data", f.FirstDirectory, want)
	}

	if f.Ghost["KNOWN_INCOMPATIBLE_EDITION"] == "YES" {
		c.errorf("The file was changed after it was optimized (KNOWN_INCOMPATIBLE_EDITION=YES)")
	}

	for i, im := range f.Images[1:] {
		if im.Offset < f.Images[i].Offset {
			c.errorf("Directory %d is at %d, before directory %d at %d", im.Index, im.Offset, i, f.Images[i].Offset)
		}
	}
}

func (c *validator) sizes(levels []*tiff.Image) {
	full := levels[0]
	if max(full.Width, full.Height) > largeSide && len(levels) == 1 {
		c.warnf("The image has %d x %d pixels and no overviews", full.Width, full.Height)
	}

	for i, im := range levels {
		if im.BlockWidth == im.Width && im.Width > largeWidth {
			c.errorf("%s is %d pixels wide and not tiled", label(i), im.Width)
		}

		if i > 0 && (im.Width > levels[i-1].Width || im.Height > levels[i-1].Height) {
			c.errorf("%s is larger than the level before it", label(i))
		}
	}
}

func label(level int) string {
	if level == 0 {
		return "The full resolution"
	}

	return fmt.Sprintf("Overview %d", level)
}

// data checks the order of the data: the smallest level first.
func (c *validator) data(levels []*tiff.Image) error {
	first := make([]int64, len(levels)) // offset of the first block of a level, or 0

	for i, im := range levels {
		start, err := c.blocks(i, im)
		if err != nil {
			return err
		}

		first[i] = start
	}

	for _, im := range c.file.Images {
		for i, start := range first {
			if start != 0 && start < im.End {
				c.errorf("The data of %s begin at %d, before the end of directory %d", label(i), start, im.Index)
			}
		}
	}

	for i := range first[1:] {
		if first[i] != 0 && first[i+1] != 0 && first[i] < first[i+1] {
			c.errorf("The data of %s begin at %d, before those of overview %d at %d",
				label(i), first[i], i+1, first[i+1])
		}
	}

	return nil
}

// chunk is the number of blocks whose places are read together.
const chunk = 4096

// blocks checks the blocks of a level and returns the offset of the first one.
func (c *validator) blocks(level int, im *tiff.Image) (int64, error) {
	rowMajor := c.file.Ghost["BLOCK_ORDER"] == "ROW_MAJOR"
	first, last := int64(0), int64(0)

	for at, count := int64(0), im.BlockCount(); at < count; at += chunk {
		blocks, err := im.Blocks(c.ctx, at, int(min(chunk, count-at)))
		if err != nil {
			return 0, err
		}

		for _, b := range blocks {
			if b.Size == 0 {
				continue
			}

			if first == 0 {
				first = b.Offset
			}

			if rowMajor && b.Offset < last {
				c.errorf("Block %d of %s is at %d, before the previous one at %d",
					b.Index, label(level), b.Offset, last)
			}

			last = b.Offset

			if err := c.leader(level, b); err != nil {
				return 0, err
			}
		}
	}

	return first, nil
}

const leaderBytes = 4

// leader compares the bytes around a block with what the structural metadata
// promises.
func (c *validator) leader(level int, b tiff.Block) error {
	c.tile++

	if !c.sample || c.tile%c.every != 0 {
		return nil
	}

	if b.Offset < leaderBytes || b.Size < leaderBytes || b.Offset+b.Size+leaderBytes > c.file.Size {
		c.errorf("Block %d of %s has no room for its leader and trailer", b.Index, label(level))
		return nil
	}

	head, tail := make([]byte, leaderBytes), make([]byte, 2*leaderBytes)
	if err := c.file.ReadRange(c.ctx, head, b.Offset-leaderBytes); err != nil {
		return err
	}

	if err := c.file.ReadRange(c.ctx, tail, b.Offset+b.Size-leaderBytes); err != nil {
		return err
	}

	if size := binary.LittleEndian.Uint32(head); int64(size) != b.Size {
		c.errorf("The leader of block %d of %s says %d bytes, want %d", b.Index, label(level), size, b.Size)
	}

	trailer := c.file.Ghost["BLOCK_TRAILER"] == "LAST_4_BYTES_REPEATED"
	if trailer && !bytes.Equal(tail[:leaderBytes], tail[leaderBytes:]) {
		c.errorf("The trailer of block %d of %s does not repeat its last bytes", b.Index, label(level))
	}

	return nil
}
