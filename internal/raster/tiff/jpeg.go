package tiff

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
)

// decodeJPEG decodes a block of 1 or 3 bands. Chroma that is stored at half the
// resolution is repeated.
func (d *decoder) decodeJPEG(dst, src []byte, rows int) error {
	stream, err := d.joinTables(src)
	if err != nil {
		return err
	}

	// A frame of 65535 x 65535 pixels would use gigabytes, so its size is
	// checked before decoding.
	config, err := jpeg.DecodeConfig(bytes.NewReader(stream))
	if err != nil {
		return err
	}

	width := d.im.BlockWidth
	if config.Width != width || config.Height < rows || config.Height > d.im.BlockHeight {
		return fmt.Errorf("the frame has %d x %d pixels, want %d x %d", config.Width, config.Height, width, rows)
	}

	bands := d.im.Bands / d.im.Planes()
	if grey := config.ColorModel == color.GrayModel; grey != (bands == 1) || config.ColorModel == color.CMYKModel {
		return fmt.Errorf("the frame does not have %d bands", bands)
	}

	img, err := jpeg.Decode(bytes.NewReader(stream))
	if err != nil {
		return err
	}

	switch img := img.(type) {
	case *image.Gray:
		for y := range rows {
			copy(dst[y*width:][:width], img.Pix[y*img.Stride:])
		}
	case *image.YCbCr:
		d.copyYCbCr(dst, img, rows)
	case *image.RGBA: // the frame itself declares RGB
		for y := range rows {
			for x := range width {
				copy(dst[(y*width+x)*3:][:3], img.Pix[y*img.Stride+x*4:])
			}
		}
	default:
		return fmt.Errorf("frames of type %T are not supported", img)
	}

	return nil
}

// copyYCbCr stores the three components of each pixel, converted to RGB unless
// they are RGB already.
func (d *decoder) copyYCbCr(dst []byte, img *image.YCbCr, rows int) {
	width := d.im.BlockWidth
	convert := d.im.Photometric == YCbCr

	for y := range rows {
		for x := range width {
			c := img.COffset(x, y)
			p := dst[(y*width+x)*3:][:3]

			p[0], p[1], p[2] = img.Y[img.YOffset(x, y)], img.Cb[c], img.Cr[c]
			if convert {
				p[0], p[1], p[2] = color.YCbCrToRGB(p[0], p[1], p[2])
			}
		}
	}
}

// joinTables inserts the tables of the directory behind the first marker.
func (d *decoder) joinTables(src []byte) ([]byte, error) {
	const marker = "\xff\xd8"

	if !bytes.HasPrefix(src, []byte(marker)) {
		return nil, errors.New("the block does not start as a JPEG does")
	}

	tables := d.tables
	if len(tables) < 4 {
		return src, nil
	}

	if !bytes.HasPrefix(tables, []byte(marker)) {
		return nil, errors.New("the tables of the directory do not start as a JPEG does")
	}

	tables = bytes.TrimSuffix(tables, []byte("\xff\xd9"))

	return append(append(make([]byte, 0, len(tables)+len(src)), tables...), src[2:]...), nil
}
