package tiff

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Reads merge neighbouring blocks, within these limits.
const (
	maxGap = 64 << 10
	maxRun = 8 << 20
)

// Reader decodes a window of columns from top to bottom. It is not safe for
// concurrent use, and must be closed.
type Reader struct {
	im       *Image
	x, width int
	fill     []byte // a pixel without data

	decoder *decoder
	run     []byte // encoded blocks
	block   []byte // a decoded block

	// carry holds the decoded row of blocks that the last Read ended in.
	carry     []byte
	carryRow  int
	carryFull bool
}

// NewReader returns a Reader for width columns from x on.
func (im *Image) NewReader(ctx context.Context, x, width int) (*Reader, error) {
	if err := im.Readable(); err != nil {
		return nil, err
	}

	if x < 0 || width < 1 || x > im.Width-width {
		return nil, Errorf(CodeInvalid, "Columns %d..%d are not inside the image of %d columns", x, x+width, im.Width)
	}

	d, err := newDecoder(ctx, im)
	if err != nil {
		return nil, err
	}

	r := &Reader{im: im, x: x, width: width, decoder: d, carryRow: -1, fill: make([]byte, im.PixelSize())}

	if bits, declared := im.NoDataBits(); declared {
		for band := range im.Bands {
			im.Type.Put(r.fill[band*im.Type.Size():], bits)
		}
	}

	return r, nil
}

// Close frees the memory of the decoder.
func (r *Reader) Close() { r.decoder.close() }

// ReaderMemory is the maximum number of bytes that a Reader allocates, apart
// from the destination.
func (im *Image) ReaderMemory(width, rows int) int64 {
	block := int64(im.blockBytes())
	memory := maxRun + 3*block // encoded, decoded and in the decoder

	if rows%im.BlockHeight != 0 {
		memory += int64(im.BlockHeight) * int64(width) * int64(im.PixelSize())
	}

	return memory
}

// Read fills dst with rows of the window. The samples of a pixel are together,
// rows follow each other without a gap, and values are little-endian. Reading
// from top to bottom decodes each block once.
func (r *Reader) Read(ctx context.Context, y, rows int, dst []byte) error {
	im := r.im
	if y < 0 || rows < 1 || y > im.Height-rows {
		return Errorf(CodeInvalid, "Rows %d..%d are not inside the image of %d rows", y, y+rows, im.Height)
	}

	stride := r.width * im.PixelSize()
	if len(dst) != rows*stride {
		return fmt.Errorf("destination has %d bytes, want %d", len(dst), rows*stride)
	}

	first, last := y/im.BlockHeight, (y+rows-1)/im.BlockHeight
	target := target{dst, y, rows}

	if first == r.carryRow && r.carryFull {
		copyRows(target, r.carryTarget(), stride)

		first++
	}

	if first > last {
		return nil
	}

	// The rest of the last row of blocks is for the next call.
	bottom := min((last+1)*im.BlockHeight, im.Height)
	keep := bottom > y+rows
	r.carryFull = false

	if keep {
		r.carryRow = last
		r.carry = sized(r.carry, (bottom-last*im.BlockHeight)*stride)
	}

	blocks, err := r.wanted(ctx, first, last)
	if err != nil {
		return err
	}

	if err := r.decode(ctx, blocks, target, keep); err != nil {
		return err
	}

	r.carryFull = keep

	return nil
}

// target is a buffer for rows of the window.
type target struct {
	data    []byte
	y, rows int
}

func (r *Reader) carryTarget() target {
	top := r.carryRow * r.im.BlockHeight

	return target{r.carry, top, min(r.im.BlockHeight, r.im.Height-top)}
}

// copyRows copies the rows that both have.
func copyRows(dst, src target, stride int) {
	top, bottom := max(dst.y, src.y), min(dst.y+dst.rows, src.y+src.rows)
	if top < bottom {
		copy(dst.data[(top-dst.y)*stride:], src.data[(top-src.y)*stride:(bottom-src.y)*stride])
	}
}

// wanted returns the blocks of rows of blocks that cross the window, in the
// order of the file.
func (r *Reader) wanted(ctx context.Context, first, last int) ([]Block, error) {
	im := r.im
	left, right := r.x/im.BlockWidth, (r.x+r.width-1)/im.BlockWidth
	across, down := int64(im.BlocksAcross()), int64(im.BlocksDown())

	var all []Block

	for plane := range int64(im.Planes()) {
		for row := int64(first); row <= int64(last); row++ {
			blocks, err := im.Blocks(ctx, (plane*down+row)*across+int64(left), right-left+1)
			if err != nil {
				return nil, err
			}

			all = append(all, blocks...)
		}
	}

	slices.SortFunc(all, func(a, b Block) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Index, b.Index))
	})

	return all, nil
}

// decode reads the blocks in runs and copies their pixels.
func (r *Reader) decode(ctx context.Context, blocks []Block, dst target, keep bool) error {
	for len(blocks) > 0 && blocks[0].Size == 0 {
		r.place(blocks[0], nil, dst, keep)
		blocks = blocks[1:]
	}

	for len(blocks) > 0 {
		n, err := r.nextRun(ctx, blocks)
		if err != nil {
			return err
		}

		for _, b := range blocks[:n] {
			start := b.Offset - blocks[0].Offset

			pixels, err := r.decodeBlock(b, r.run[start:start+b.Size])
			if err != nil {
				return err
			}

			r.place(b, pixels, dst, keep)
		}

		blocks = blocks[n:]
	}

	return nil
}

// nextRun reads the first blocks that are close together, and returns their
// number.
func (r *Reader) nextRun(ctx context.Context, blocks []Block) (int, error) {
	start, end := blocks[0].Offset, blocks[0].Offset+blocks[0].Size

	// The longest codes of each compression are less than twice their values.
	if limit := 2*int64(r.im.blockBytes()) + maxGap; blocks[0].Size > limit {
		return 0, r.corrupt(blocks[0], fmt.Errorf("%d bytes are stored for it, want at most %d", blocks[0].Size, limit))
	}

	n := 1
	for ; n < len(blocks); n++ {
		b := blocks[n]
		if b.Offset-end > maxGap || max(end, b.Offset+b.Size)-start > maxRun {
			break
		}

		end = max(end, b.Offset+b.Size)
	}

	r.run = sized(r.run, int(end-start))
	if err := r.im.file.src.ReadAt(ctx, r.run, start); err != nil {
		return 0, fmt.Errorf("read %d bytes at %d: %w", len(r.run), start, err)
	}

	return n, nil
}

// sized returns a slice of n bytes, which are not zero.
func sized(p []byte, n int) []byte {
	if cap(p) < n {
		return make([]byte, n)
	}

	return p[:n]
}
