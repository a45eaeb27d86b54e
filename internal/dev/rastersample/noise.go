package rastersample

import (
	"math"

	"coremachine/internal/raster/tiff"
)

// octave is a lattice of random values, between which noise is interpolated.
type octave struct {
	cell   int // pixels
	weight float64
}

var octaves = []octave{{512, 0.5}, {96, 0.25}, {17, 0.15}}

// noise is the share of random values without any order.
const noise = 0.1

// mix returns well spread bits for a number (the finalizer of SplitMix64).
func mix(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb

	return v ^ v>>31
}

func hash(seed uint64, x, y int) uint64 {
	return mix(seed ^ mix(uint64(uint32(x))<<32|uint64(uint32(y))))
}

// unit maps bits to [0, 1).
func unit(bits uint64) float64 { return float64(bits>>11) / (1 << 53) }

// generator makes rows of pixels.
type generator struct {
	spec    Spec
	lattice []float64
	values  []float64
}

// Rows fills dst with rows of all columns: the samples of a pixel are together
// and little-endian.
func (s Spec) Rows(y, rows int, dst []byte) {
	g := &generator{spec: s.withDefaults()}
	stride := s.Width * s.PixelSize()

	for i := range rows {
		g.row(y+i, dst[i*stride:][:stride])
	}
}

func (g *generator) row(y int, dst []byte) {
	s := g.spec
	size, pixel := s.Type.Size(), s.PixelSize()
	noData, declared := s.Type.Parse(tiff.NoDataText(s.NoData))

	for band := range s.Bands {
		g.heights(s.Seed*64+uint64(band), y)

		state := hash(s.Seed+uint64(band)<<32, -1, y)
		alpha := s.Alpha && band == s.Bands-1

		for x, height := range g.values {
			state = state*6364136223846793005 + 1442695040888963407
			v := height + noise*unit(state)
			bits := s.sample(v)

			hole := s.Holes && s.isHole(x, y)

			switch {
			case alpha && hole:
				bits = 0
			case alpha:
				bits = s.opaque()
			case hole && declared:
				bits = noData
			case declared && bits == noData:
				bits ^= 1
			}

			s.Type.Put(dst[x*pixel+band*size:], bits)
		}
	}
}

// isHole reports whether a pixel is in a square that has no data.
func (s Spec) isHole(x, y int) bool {
	const side = 150

	cell := hash(s.Seed^0xdead, x/side, y/side) % 5
	ragged := int(hash(s.Seed, x/side, y) % 9)

	return cell == 0 && x%side > ragged || cell == 1 && x%side < 3
}

func (s Spec) opaque() uint64 { return math.MaxUint64 >> (64 - 8*s.Type.Size()) }

// sample maps [0, 1) to values of a type, of which small types use all.
func (s Spec) sample(v float64) uint64 {
	switch s.Type {
	case tiff.Uint8:
		return uint64(v * 256)
	case tiff.Int8:
		return uint64(uint8(int8(v*256 - 128)))
	case tiff.Uint16:
		return uint64(v * 12000)
	case tiff.Int16:
		return uint64(uint16(int16(v*9000 - 500)))
	case tiff.Uint32:
		return uint64(v * 4e9)
	case tiff.Int32:
		return uint64(uint32(int32(v*4e9 - 2e9)))
	case tiff.Uint64:
		return uint64(v * 1e15)
	case tiff.Int64:
		return uint64(int64(v*2e15 - 1e15))
	case tiff.Float32:
		return uint64(math.Float32bits(float32(v*4000 - 400)))
	case tiff.Float64:
		return math.Float64bits(v*4000 - 400)
	default:
		return 0
	}
}

// heights interpolates the octaves for a row.
func (g *generator) heights(seed uint64, y int) {
	width := g.spec.Width
	if g.values == nil {
		g.values = make([]float64, width)
	}

	clear(g.values)

	for i, o := range octaves {
		row, down := y/o.cell, float64(y%o.cell)/float64(o.cell)
		cells := width/o.cell + 2
		g.lattice = g.lattice[:0]

		for x := range cells {
			above, below := unit(hash(seed+uint64(i)<<48, x, row)), unit(hash(seed+uint64(i)<<48, x, row+1))
			g.lattice = append(g.lattice, o.weight*(above+(below-above)*down))
		}

		for cell := range cells - 1 {
			left, slope := g.lattice[cell], (g.lattice[cell+1]-g.lattice[cell])/float64(o.cell)
			part := g.values[min(width, cell*o.cell):min(width, (cell+1)*o.cell)]

			for x := range part {
				part[x] += left + slope*float64(x)
			}
		}
	}
}
