package preview

// stretch maps values to bytes.
type stretch struct {
	low, high float64
	inverted  bool
}

// stretchToExtent shows values from the lowest to the highest in the picture,
// for each band.
func (p *picture) stretchToExtent() {
	for i := range p.painter.shown {
		s := &p.painter.stretches[i]
		s.low, s.high = p.extent(i)
	}
}

// extent returns the lowest and the highest value of the i-th band that is
// shown.
func (p *picture) extent(i int) (low, high float64) {
	size := p.painter.Size()
	first := true

	for at := 0; at < len(p.pixels); at += size {
		v := p.painter.value(p.pixels[at:][:size], i)
		if v-v != 0 || v == p.painter.noData {
			continue // infinite, not a number, or no data
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
