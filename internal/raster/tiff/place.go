package tiff

// position returns the plane of a block and its first pixel.
func (im *Image) position(index int64) (plane, x, y int) {
	across, down := int64(im.BlocksAcross()), int64(im.BlocksDown())

	plane = int(index / (across * down))
	x = int(index%across) * im.BlockWidth
	y = int(index/across%down) * im.BlockHeight

	return plane, x, y
}

// rowsOf is the number of rows that a block stores: only the last strip is
// shorter than the others.
func (im *Image) rowsOf(y int) int {
	if im.Tiled {
		return im.BlockHeight
	}

	return min(im.BlockHeight, im.Height-y)
}

func (r *Reader) decodeBlock(b Block, encoded []byte) ([]byte, error) {
	im := r.im
	_, _, y := im.position(b.Index)
	rows := im.rowsOf(y)
	bands := im.Bands / im.Planes()

	r.block = sized(r.block, im.BlockWidth*rows*bands*im.Type.Size())

	if err := r.decoder.decode(r.block, encoded, rows); err != nil {
		return nil, r.corrupt(b, err)
	}

	return r.block, nil
}

func (r *Reader) corrupt(b Block, err error) error {
	im := r.im
	plane, x, y := im.position(b.Index)
	where := ""

	if im.Planar {
		where = sprintPlane(plane)
	}

	return Errorf(CodeCorruptBlock, "Block %d (column %d, row %d%s): %v",
		b.Index, x/im.BlockWidth, y/im.BlockHeight, where, err)
}

// place copies the pixels of a block that are in the window to the destination.
// If keep is set, it copies those of the last row of blocks to the carry as
// well. Pixels are nil for a block that the file leaves out.
func (r *Reader) place(b Block, pixels []byte, dst target, keep bool) {
	plane, x, y := r.im.position(b.Index)

	r.scatter(dst, plane, x, y, pixels)

	if keep && y/r.im.BlockHeight == r.carryRow {
		r.scatter(r.carryTarget(), plane, x, y, pixels)
	}
}

func (r *Reader) scatter(dst target, plane, x, y int, pixels []byte) {
	im := r.im
	left, right := max(x, r.x), min(x+im.BlockWidth, r.x+r.width)
	top, bottom := max(y, dst.y), min(y+im.rowsOf(y), dst.y+dst.rows)
	size := im.PixelSize() // in the destination

	for row := top; row < bottom; row++ {
		to := dst.data[((row-dst.y)*r.width+left-r.x)*size:][:(right-left)*size]
		from := ((row-y)*im.BlockWidth + left - x)

		switch {
		case pixels == nil:
			r.blank(to, plane)
		case im.Planar:
			scatterBand(to, pixels[from*im.Type.Size():], im.Type.Size(), size, plane)
		default:
			copy(to, pixels[from*size:])
		}
	}
}

// scatterBand copies samples of one band to pixels of all bands.
func scatterBand(dst, samples []byte, width, pixel, band int) {
	dst = dst[band*width:]

	if width == 1 {
		for i, j := 0, 0; j < len(dst); i, j = i+1, j+pixel {
			dst[j] = samples[i]
		}

		return
	}

	for i, j := 0, 0; j < len(dst); i, j = i+width, j+pixel {
		copy(dst[j:j+width], samples[i:])
	}
}

// blank writes pixels without data, in one plane or in all bands.
func (r *Reader) blank(dst []byte, plane int) {
	from, to := 0, len(r.fill)
	if r.im.Planar {
		from = plane * r.im.Type.Size()
		to = from + r.im.Type.Size()
	}

	for ; len(dst) > 0; dst = dst[len(r.fill):] {
		copy(dst[from:to], r.fill[from:to])
	}
}
