package preview

import (
	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/tiff"
)

// stretch maps values to bytes.
type stretch struct {
	low, high float64
	inverted  bool
}

// stretch returns how the values of a band are shown.
func (p *picture) stretch(band int, stats []cog.BandStats) stretch {
	s := stretch{inverted: p.full.Photometric == tiff.WhiteIsZero}

	switch {
	case p.im.Type == tiff.Uint8:
		s.low, s.high = 0, 255
	case band < len(stats) && stats[band].Count > 0:
		s.low, s.high = stats[band].P2, stats[band].P98
		if s.low == s.high {
			s.low, s.high = stats[band].Min, stats[band].Max
		}
	default:
		s.low, s.high = p.extent(band)
	}

	return s
}

// extent returns the lowest and the highest value of a band in the picture.
func (p *picture) extent(band int) (low, high float64) {
	t := p.im.Type
	bits, declared := p.full.NoDataBits()
	first := true

	for i := band * t.Size(); i < len(p.pixels); i += p.im.PixelSize() {
		own := t.Bits(p.pixels[i:])
		v := t.Value(own)

		if v-v != 0 || declared && (own == bits || v == t.Value(bits)) {
			continue
		}

		if first {
			low, high, first = v, v, false
		}

		low, high = min(low, v), max(high, v)
	}

	return low, high
}

func (s stretch) apply(v float64) byte {
	part := 0.5 // of a band with one value

	if s.low < s.high {
		part = (v - s.low) / (s.high - s.low)
	}

	if !(part > 0) { // also for what is not a number
		part = 0
	}

	if s.inverted {
		return 255 - byte(255*min(part, 1)+0.5)
	}

	return byte(255*min(part, 1) + 0.5)
}
