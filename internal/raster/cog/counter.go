package cog

import (
	"encoding/binary"
	"errors"
	"math"

	"coremachine/internal/raster/tiff"
)

// counter counts the values of each band. Values of up to 16 bits have a bin
// each. Other values share bins by their first 16 bits as a float32, and their
// sums are kept too.
type counter struct {
	plan     *Plan
	off      bool
	counts   [][]uint64 // by band and bin
	exact    bool       // one value in each bin
	wide     []wideSums // by band, if not exact
	declared bool
	noData   uint64
	values   []float64 // of a band of a tile
}

// bins is the number of bins of a type.
func bins(t tiff.SampleType) int {
	if t.Size() == 1 {
		return 1 << 8
	}

	return 1 << 16
}

func newCounter(p *Plan) *counter {
	c := &counter{plan: p, off: !p.Options.Statistics, exact: p.Type.Size() <= 2}
	if c.off {
		return c
	}

	c.noData, c.declared = p.noData()
	c.counts = make([][]uint64, p.Bands)
	c.wide = make([]wideSums, p.Bands)

	for band := range c.counts {
		c.counts[band] = make([]uint64, bins(p.Type))
	}

	return c
}

// addRow adds a row of tiles, which has a width in pixels.
func (c *counter) addRow(pixels []byte, width int) {
	switch {
	case c.off:
	case c.exact:
		c.addExact(pixels)
	default:
		size, pixel := c.plan.Options.BlockSize, c.plan.PixelSize()
		for x := 0; x < width; x += size {
			c.addTile(pixels[x*pixel:], width*pixel, min(size, width-x))
		}
	}
}

// signBit is what turns the order of signed integers into that of unsigned ones.
func (c *counter) signBit() uint64 {
	if c.plan.Type.Signed() {
		return 1 << (c.plan.Type.Size()*8 - 1)
	}

	return 0
}

// addExact counts integers of 8 or 16 bits.
func (c *counter) addExact(pixels []byte) {
	bands, size, sign := c.plan.Bands, c.plan.Type.Size(), c.signBit()
	pixel := bands * size

	for band, counts := range c.counts {
		masked := c.plan.Alpha && band < bands-1
		alpha := (bands - 1 - band) * size

		switch {
		case masked:
			for i := band * size; i < len(pixels); i += pixel {
				if c.plan.Type.Bits(pixels[i+alpha:]) != 0 {
					counts[c.plan.Type.Bits(pixels[i:])^sign]++
				}
			}
		case size == 1:
			for i := band; i < len(pixels); i += pixel {
				counts[pixels[i]^byte(sign)]++
			}
		default:
			for i := band * 2; i < len(pixels); i += pixel {
				counts[binary.LittleEndian.Uint16(pixels[i:])^uint16(sign)]++
			}
		}
	}
}

// addTile adds a tile of other types. Sums are rounded within a tile, so their
// unit must not depend on the size of tasks.
func (c *counter) addTile(pixels []byte, stride, width int) {
	t, bands, pixel := c.plan.Type, c.plan.Bands, c.plan.PixelSize()
	noData := t.Value(c.noData)

	for band := range bands {
		c.values = c.values[:0]
		masked := c.plan.Alpha && band < bands-1
		alpha := (bands - 1 - band) * t.Size()

		for y := 0; y < len(pixels); y += stride {
			row := pixels[y:]
			for i := band * t.Size(); i < width*pixel; i += pixel {
				bits := t.Bits(row[i:])
				if c.declared && bits == c.noData || masked && t.Value(t.Bits(row[i+alpha:])) == 0 {
					continue
				}

				v := t.Value(bits)
				if v-v != 0 || c.declared && v == noData {
					continue // infinite, not a number, or the other zero
				}

				c.counts[band][floatBin(v)]++
				c.values = append(c.values, v)
			}
		}

		c.wide[band].add(c.values)
	}
}

// floatBin returns the first 16 bits of a float32, in the order of numbers.
func floatBin(v float64) int {
	bits := math.Float32bits(float32(v))
	if bits>>31 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 31
	}

	return int(bits >> 16)
}

// floatOf returns the number at the lower edge of a bin.
func floatOf(bin int) float64 {
	bits := uint32(bin) << 16
	if bits>>31 == 1 {
		bits &^= 1 << 31
	} else {
		bits = ^bits
	}

	return float64(math.Float32frombits(bits))
}

// valid returns the counts of a band without noData.
func (c *counter) valid(band int) []uint64 {
	alpha := c.plan.Alpha && band == c.plan.Bands-1
	if c.exact && c.declared && !alpha {
		c.counts[band][c.noData^c.signBit()] = 0
	}

	return c.counts[band]
}

// valueOf returns the value of a bin, if bins have one value.
func (c *counter) valueOf(bin int) int64 {
	if c.plan.Type.Signed() {
		return int64(bin) - int64(c.signBit())
	}

	return int64(bin)
}

// appendCounts appends the counts of all bands: for each band the number of
// bins that are not empty, and their distances and counts.
func (c *counter) appendCounts(packed []byte) []byte {
	for band := range c.counts {
		counts := c.valid(band)
		used := 0

		for _, n := range counts {
			if n > 0 {
				used++
			}
		}

		packed = binary.AppendUvarint(packed, uint64(used))
		last := 0

		for bin, n := range counts {
			if n > 0 {
				packed = binary.AppendUvarint(packed, uint64(bin-last))
				packed = binary.AppendUvarint(packed, n)
				last = bin
			}
		}
	}

	return packed
}

// maxPacked is the maximum length of appendCounts.
func (c *counter) maxPacked() int {
	if c.off {
		return 0
	}

	return c.plan.Bands * (3 + bins(c.plan.Type)*(3+binary.MaxVarintLen64))
}

var errDamaged = errors.New("damaged")

// addCounts adds what appendCounts wrote.
func (c *counter) addCounts(packed []byte) error {
	next := func() uint64 {
		v, n := binary.Uvarint(packed)
		packed = packed[max(0, n):]

		if n <= 0 {
			packed = nil
			return math.MaxUint64
		}

		return v
	}

	for _, counts := range c.counts {
		used, bin := next(), uint64(0)
		if used > uint64(len(counts)) {
			return errDamaged
		}

		for range used {
			distance := next()
			if distance >= uint64(len(counts)) || bin+distance >= uint64(len(counts)) {
				return errDamaged
			}

			bin += distance
			counts[bin] += next()
		}
	}

	if len(packed) > 0 {
		return errDamaged
	}

	return nil
}
