package tiff

import "slices"

// check returns why an image cannot be read, or nil.
func (im *Image) check() error {
	if im.unsupported != nil {
		return im.unsupported
	}

	readable := []Compression{None, LZW, JPEG, AdobeDeflate, PackBits, Deflate, Zstd}
	if !slices.Contains(readable, im.Compression) {
		return Errorf(CodeUnsupported, "Compression %d (%s) cannot be read; "+
			"supported: none, lzw, deflate, zstd, packbits, jpeg", uint16(im.Compression), im.Compression)
	}

	if err := im.checkColours(); err != nil {
		return err
	}

	if im.reversed {
		return Errorf(CodeUnsupported, "Bytes are stored with their bits in reverse order, which cannot be read")
	}

	if err := im.checkPredictor(); err != nil {
		return err
	}

	limit := uint64(MaxBlockBytes)
	if im.Compression == JPEG {
		limit = maxJPEGBytes
	}

	if size := im.blockBytes(); size > limit {
		return Errorf(CodeUnsupported, "A block of %d x %d pixels decodes to %d MiB; the limit for %s is %d MiB",
			im.BlockWidth, im.BlockHeight, size>>20, im.Compression, limit>>20)
	}

	return nil
}

// blockBytes is the length of a decoded block. It cannot overflow: sides are
// below 2^30, and the number of bands times the size of a sample below 2^14.
func (im *Image) blockBytes() uint64 {
	area := uint64(im.BlockWidth) * uint64(im.BlockHeight)
	if area > MaxBlockBytes {
		return area
	}

	return area * uint64(im.PixelSize()/im.Planes())
}

func (im *Image) checkColours() error {
	colours := map[Photometric]int{WhiteIsZero: 1, BlackIsZero: 1, RGB: 3, Palette: 1, YCbCr: 3}

	need, known := colours[im.Photometric]
	if !known {
		return Errorf(CodeUnsupported, "Photometric interpretation %d (%s) cannot be read; "+
			"supported: grey, rgb, palette, and ycbcr with jpeg", uint16(im.Photometric), im.Photometric)
	}

	if im.Bands < need {
		return Errorf(CodeCorruptHeader, "An image of kind %s has %d bands, want at least %d",
			im.Photometric, im.Bands, need)
	}

	if im.Photometric == YCbCr && im.Compression != JPEG {
		return Errorf(CodeUnsupported, "YCbCr with compression %s cannot be read; supported: jpeg", im.Compression)
	}

	if im.Compression != JPEG {
		return nil
	}

	planeBands := im.Bands / im.Planes()
	if im.Type != Uint8 || planeBands != 1 && planeBands != 3 {
		return Errorf(CodeUnsupported, "JPEG with %d bands of %s cannot be read; supported: 1 or 3 bands of uint8",
			planeBands, im.Type)
	}

	if im.Photometric == YCbCr && im.Planar {
		return Errorf(CodeUnsupported, "YCbCr in separate planes cannot be read")
	}

	return nil
}

func (im *Image) checkPredictor() error {
	switch {
	case im.Compression == JPEG || im.Compression == None || im.Compression == PackBits:
		im.Predictor = NoPredictor // libtiff ignores the tag here
	case im.Predictor == NoPredictor || im.Predictor == HorizontalPredictor:
	case im.Predictor == FloatPredictor && im.Type.Float():
	case im.Predictor == FloatPredictor:
		return Errorf(CodeCorruptHeader, "The floating-point predictor is set for samples of %s", im.Type)
	default:
		return Errorf(CodeUnsupported, "Predictor %d cannot be read; supported: 1, 2 and 3", im.Predictor)
	}

	return nil
}
