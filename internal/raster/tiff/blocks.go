package tiff

import (
	"context"
	"encoding/binary"
)

// Block is the place of an encoded block. A size of 0 stands for a block that
// the file leaves out: its pixels have no data.
type Block struct {
	Index        int64
	Offset, Size int64
}

// Blocks returns the places of n blocks, which are numbered by plane, row and
// column. It checks that they are in the file.
func (im *Image) Blocks(ctx context.Context, first int64, n int) ([]Block, error) {
	offsetTag, sizeTag := im.arrays()

	offsets, err := im.items(ctx, offsetTag, first, n)
	if err != nil {
		return nil, err
	}

	sizes, err := im.items(ctx, sizeTag, first, n)
	if err != nil {
		return nil, err
	}

	all := make([]Block, n)
	for i := range all {
		b := Block{first + int64(i), signed(offsets[i]), signed(sizes[i])}
		if b.Offset == 0 || b.Size == 0 {
			b.Offset, b.Size = 0, 0
		}

		if !im.file.inside(b.Offset, b.Size) {
			return nil, im.blockBeyond(b)
		}

		all[i] = b
	}

	return all, nil
}

func (im *Image) blockBeyond(b Block) error {
	return Errorf(CodeTruncated, "Block %d lies at %d..%d, beyond the end of the file (%d bytes)",
		b.Index, b.Offset, uint64(b.Offset)+uint64(b.Size), im.file.Size)
}

// items returns a part of the values of a field of integers. The caller has
// checked that they exist.
func (im *Image) items(ctx context.Context, tag Tag, first int64, n int) ([]uint64, error) {
	field := im.Field(tag)
	width := field.Type.Size()
	data := make([]byte, n*width)

	if err := im.file.pages.read(ctx, data, field.offset+first*int64(width)); err != nil {
		return nil, err
	}

	if im.file.Order == binary.BigEndian {
		swapWords(data, width)
	}

	all := make([]uint64, n)
	for i := range all {
		all[i] = littleWord(data[i*width:], width)
	}

	return all, nil
}

// ReadRange fills p with bytes of the file, for checks of the layout. Ranges
// outside the file are an Error with CodeTruncated.
func (f *File) ReadRange(ctx context.Context, p []byte, offset int64) error {
	if !f.inside(offset, int64(len(p))) {
		return f.beyond("A range", offset, int64(len(p)))
	}

	return f.pages.read(ctx, p, offset)
}
