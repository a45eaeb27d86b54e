package cog

import (
	"encoding/binary"
	"math"

	"coremachine/internal/raster/tiff"
)

// reducer halves the width and height of pixels.
type reducer struct {
	bands   int
	typ     tiff.SampleType
	nearest bool
	alpha   bool

	noData    float64
	declared  bool
	fill      float64 // the mean of pixels without data
	lowest    float64 // of the type, for integers
	highest   float64
	replacing float64 // a mean that equals noData becomes this

	above, below, mean []float64
}

func newReducer(p *Plan) reducer {
	r := reducer{bands: p.Bands, typ: p.Type, nearest: p.Options.Resampling == Nearest, alpha: p.Alpha}

	size := p.Type.Size() * 8
	if p.Type.Signed() {
		r.lowest, r.highest = -math.Ldexp(1, size-1), math.Ldexp(1, size-1)-1
	} else {
		r.highest = math.Ldexp(1, size) - 1
	}

	if p.Type.Float() && !p.Alpha {
		r.fill = math.NaN()
	}

	bits, declared := p.noData()
	if !declared {
		return r
	}

	r.noData, r.declared = p.Type.Value(bits), true
	r.fill = r.noData

	switch {
	case p.Type == tiff.Float32:
		next := math.Nextafter32(float32(r.noData), math.MaxFloat32)
		if r.noData == math.MaxFloat32 {
			next = math.Nextafter32(float32(r.noData), 0)
		}

		r.replacing = float64(next)
	case p.Type == tiff.Float64:
		r.replacing = math.Nextafter(r.noData, math.MaxFloat64)
		if r.noData == math.MaxFloat64 {
			r.replacing = math.Nextafter(r.noData, 0)
		}
	case r.noData == r.highest:
		r.replacing = r.noData - 1
	default:
		r.replacing = r.noData + 1
	}

	return r
}

// reduce halves rows of pixels. At an odd edge it uses the pixels that exist.
func (e *encoder) reduce(dst, src []byte, srcWidth, dstWidth int) {
	r := &e.reducer
	pixel := r.bands * r.typ.Size()
	in, out := srcWidth*pixel, dstWidth*pixel

	for ; len(dst) > 0; dst = dst[out:] {
		above := src[:in]
		src = src[in:]
		below := above

		if len(src) > 0 {
			below = src[:in]
			src = src[in:]
		}

		switch {
		case r.nearest:
			for x := range dstWidth {
				copy(dst[x*pixel:][:pixel], above[2*x*pixel:])
			}
		case r.typ == tiff.Uint8 && !r.declared && !r.alpha:
			meanBytes(dst[:out], above, below, r.bands)
		default:
			r.meanRow(dst[:out], above, below)
		}
	}
}

// meanBytes is the mean of bytes that all have data. A missing row or column is
// the same as the other one.
func meanBytes(dst, above, below []byte, bands int) {
	for i, j := 0, 0; i < len(dst); i, j = i+bands, j+2*bands {
		right := j + bands
		if right == len(above) {
			right = j
		}

		for b := range bands {
			sum := uint(above[j+b]) + uint(above[right+b]) + uint(below[j+b]) + uint(below[right+b])
			dst[i+b] = byte((sum + 2) / 4)
		}
	}
}

// meanRow is the mean of the pixels that have data.
func (r *reducer) meanRow(dst, above, below []byte) {
	r.above = load(r.above, above, r.typ)
	r.below = load(r.below, below, r.typ)
	r.mean = r.mean[:0]

	for j := 0; j < len(r.above); j += 2 * r.bands {
		right := j + r.bands
		if right == len(r.above) {
			right = j
		}

		for b := range r.bands {
			masked := r.alpha && b < r.bands-1
			sum, n := 0.0, 0.0

			for _, at := range [4]struct {
				row   []float64
				pixel int
			}{{r.above, j}, {r.above, right}, {r.below, j}, {r.below, right}} {
				v := at.row[at.pixel+b]
				if v != v || r.declared && v == r.noData || masked && at.row[at.pixel+r.bands-1] == 0 {
					continue
				}

				sum += v
				n++
			}

			r.mean = append(r.mean, r.finish(sum, n))
		}
	}

	r.store(dst)
}

// finish divides, rounds and keeps data apart from noData.
func (r *reducer) finish(sum, n float64) float64 {
	if n == 0 {
		return r.fill
	}

	v := sum / n

	switch {
	case r.typ == tiff.Float32:
		v = float64(float32(v))
	case r.typ != tiff.Float64:
		v = min(max(math.Round(v), r.lowest), r.highest)
	}

	if r.declared && v == r.noData {
		return r.replacing
	}

	return v
}

// load converts samples to numbers.
func load(dst []float64, src []byte, t tiff.SampleType) []float64 {
	dst = dst[:0]

	switch t {
	case tiff.Uint8:
		for _, v := range src {
			dst = append(dst, float64(v))
		}
	case tiff.Uint16:
		for i := 0; i < len(src); i += 2 {
			dst = append(dst, float64(binary.LittleEndian.Uint16(src[i:])))
		}
	case tiff.Int16:
		for i := 0; i < len(src); i += 2 {
			dst = append(dst, float64(int16(binary.LittleEndian.Uint16(src[i:]))))
		}
	case tiff.Float32:
		for i := 0; i < len(src); i += 4 {
			dst = append(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(src[i:]))))
		}
	case tiff.Int8, tiff.Uint32, tiff.Int32, tiff.Uint64, tiff.Int64, tiff.Float64:
		for i := 0; i < len(src); i += t.Size() {
			dst = append(dst, t.Value(t.Bits(src[i:])))
		}
	}

	return dst
}

// store converts means to samples.
func (r *reducer) store(dst []byte) {
	size := r.typ.Size()

	for i, v := range r.mean {
		var bits uint64

		switch {
		case r.typ == tiff.Float32:
			bits = uint64(math.Float32bits(float32(v)))
		case r.typ == tiff.Float64:
			bits = math.Float64bits(v)
		case r.typ == tiff.Uint64 && v >= math.MaxInt64:
			bits = math.MaxUint64 // rounding made it too large for the type
			if v < math.Ldexp(1, 64) {
				bits = uint64(v)
			}
		case v >= math.MaxInt64:
			bits = math.MaxInt64
		default:
			bits = uint64(int64(v))
		}

		r.typ.Put(dst[i*size:], bits)
	}
}
