package hillsample

// octaves is the number of noise layers, and coarsest the distance in pixels of
// the lattice of the first one. Each next layer has half the distance and half
// the height.
const (
	octaves  = 7
	coarsest = 1024
)

// hills is value noise for one band.
type hills struct {
	seed uint64
	row  []float32 // lattice values of the current row, between two lattice rows
}

// fill adds the band to a row of pixels.
func (h *hills) fill(pixels []byte, band, bands, width, y int) {
	sums := make([]float32, width)
	height := float32(128)

	for o := range octaves {
		step := coarsest >> o
		h.between(o, y, width/step+2)

		at, part := 0, float32(0)
		slope := 1 / float32(step)
		left, right := h.row[0], h.row[1]

		for x := range sums {
			sums[x] += (left + (right-left)*part) * height

			if part += slope; part > 1-slope/2 {
				at++
				part = 0
				left, right = h.row[at], h.row[at+1]
			}
		}

		height /= 2
	}

	for x, sum := range sums {
		grain := float32(hash(h.seed+99, x, y)>>62) - 1.5
		pixels[x*bands+band] = byte(min(max(sum+grain, 0), 255))
	}
}

// between interpolates the lattice of a layer to a row.
func (h *hills) between(octave, y, n int) {
	step := coarsest >> octave
	part := float32(y%step) / float32(step)
	seed := h.seed + uint64(octave)

	h.row = h.row[:0]

	for i := range n {
		top, bottom := lattice(seed, i, y/step), lattice(seed, i, y/step+1)
		h.row = append(h.row, top+(bottom-top)*part)
	}
}

func lattice(seed uint64, x, y int) float32 {
	return float32(hash(seed, x, y)>>40) / (1 << 24)
}

// hash mixes a position. See the finalizer of MurmurHash3.
func hash(seed uint64, x, y int) uint64 {
	v := seed*0x9e3779b97f4a7c15 ^ uint64(x)<<32 ^ uint64(y)
	v = (v ^ v>>33) * 0xff51afd7ed558ccd
	v = (v ^ v>>33) * 0xc4ceb9fe1a85ec53

	return v ^ v>>33
}
