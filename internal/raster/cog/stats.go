package cog

import (
	"math"
	"math/big"

	"coremachine/internal/raster/tiff"
)

// exactBits is the precision with which sums of float64 and of their squares
// are exact, so that their order does not matter.
const exactBits = 4400

// Sums are the statistics of a part of a band. They can be merged in any order.
type Sums struct {
	Count   int64   `json:"n"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Sum     string  `json:"sum"`     // exact, in the notation of big.Float
	Squares string  `json:"squares"` // of the values
}

// wideSums adds up values.
type wideSums struct {
	count        int64
	min, max     float64
	sum, squares *big.Float
}

func exactFloat() *big.Float { return new(big.Float).SetPrec(exactBits) }

func (s *wideSums) start() {
	if s.sum == nil {
		s.sum, s.squares = exactFloat(), exactFloat()
	}
}

// add adds the values of a tile: their number, mean, and squared differences
// from the mean.
func (s *wideSums) add(values []float64) {
	s.start()

	if len(values) == 0 {
		return
	}

	lowest, highest, sum := values[0], values[0], 0.0
	n := float64(len(values))

	for _, v := range values {
		lowest, highest = min(lowest, v), max(highest, v)
		sum += v / n // which cannot overflow
	}

	mean, squares := sum, 0.0
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}

	s.widen(int64(len(values)), lowest, highest)

	exact := exactFloat().SetFloat64(mean)
	times := exactFloat().Mul(exact, exactFloat().SetFloat64(n))
	s.sum.Add(s.sum, times)
	s.squares.Add(s.squares, times.Mul(times, exact))

	if squares <= math.MaxFloat64 {
		s.squares.Add(s.squares, exactFloat().SetFloat64(squares))
	}
}

func (s *wideSums) widen(count int64, lowest, highest float64) {
	if s.count == 0 {
		s.min, s.max = lowest, highest
	}

	s.count += count
	s.min, s.max = min(s.min, lowest), max(s.max, highest)
}

// exactSums adds up the values of exact bins.
func (c *counter) exactSums(band int) wideSums {
	var s wideSums

	s.start()

	sum, squares, term := new(big.Int), new(big.Int), new(big.Int)

	for bin, n := range c.valid(band) {
		if n == 0 {
			continue
		}

		v := c.valueOf(bin)
		s.widen(int64(n), float64(v), float64(v))

		term.SetInt64(v)
		term.Mul(term, new(big.Int).SetUint64(n))
		sum.Add(sum, term)
		squares.Add(squares, term.Mul(term, big.NewInt(v)))
	}

	s.sum.SetInt(sum)
	s.squares.SetInt(squares)

	return s
}

// sums returns the statistics of each band.
func (c *counter) sums() []Sums {
	all := make([]Sums, c.plan.Bands)

	for band := range all {
		s := c.wide[band]
		if c.exact {
			s = c.exactSums(band)
		}

		all[band] = Sums{s.count, s.min, s.max, s.sum.Text('p', 0), s.squares.Text('p', 0)}
	}

	return all
}

// merge adds the statistics of another part.
func (s *wideSums) merge(other Sums) error {
	s.start()

	if other.Count == 0 {
		return nil
	}

	for _, item := range []struct {
		to   *big.Float
		text string
	}{{s.sum, other.Sum}, {s.squares, other.Squares}} {
		v, _, err := big.ParseFloat(item.text, 0, exactBits, big.ToNearestEven)
		if err != nil || v.IsInf() {
			return tiff.Errorf(tiff.CodeInvalidCOG, "The sum %q of a task is damaged", item.text)
		}

		item.to.Add(item.to, v)
	}

	s.widen(other.Count, other.Min, other.Max)

	return nil
}

// finish returns the statistics of a band with a number of pixels.
func (s *wideSums) finish(pixels int64, p Percentiles) BandStats {
	if s.count == 0 {
		return BandStats{}
	}

	n := exactFloat().SetInt64(s.count)
	mean := exactFloat().Quo(s.sum, n)

	// The difference is exact up to the rounding of the quotient.
	variance := exactFloat().Mul(mean, s.sum)
	variance.Sub(s.squares, variance)
	variance.Quo(variance, n)

	m, _ := mean.Float64()
	v, _ := variance.Float64()

	return BandStats{
		Count: s.count, ValidPercent: 100 * float64(s.count) / float64(pixels),
		Min: s.min, Max: s.max, Mean: m, StdDev: math.Sqrt(max(0, v)), P2: clamp(p.P2, s), P98: clamp(p.P98, s),
	}
}

// clamp keeps an interpolated value inside the range. Bins beyond the range of
// float32 have no value.
func clamp(v float64, s *wideSums) float64 {
	if v != v {
		return s.max
	}

	return min(max(v, s.min), s.max)
}

// percentiles returns the percentiles of each band, or nil without statistics.
func (c *counter) percentiles() []Percentiles {
	if c.off {
		return nil
	}

	all := make([]Percentiles, c.plan.Bands)
	for band := range all {
		counts := c.valid(band)
		all[band] = Percentiles{c.quantile(counts, 0.02), c.quantile(counts, 0.98)}
	}

	return all
}

// quantile interpolates between the two values next to a rank, as numpy does.
// Values that share a bin count as spread evenly over it.
func (c *counter) quantile(counts []uint64, q float64) float64 {
	total := uint64(0)
	for _, n := range counts {
		total += n
	}

	if total == 0 {
		return 0
	}

	rank := q * float64(total-1)
	below := math.Floor(rank)

	if !c.exact {
		return c.inBin(counts, rank)
	}

	lower := c.ranked(counts, uint64(below))
	upper := c.ranked(counts, min(uint64(below)+1, total-1))

	return lower + (upper-lower)*(rank-below)
}

// ranked returns the value with a number in the order of values.
func (c *counter) ranked(counts []uint64, rank uint64) float64 {
	for bin, n := range counts {
		if rank < n {
			return float64(c.valueOf(bin))
		}

		rank -= n
	}

	return 0
}

func (c *counter) inBin(counts []uint64, rank float64) float64 {
	for bin, n := range counts {
		if n == 0 {
			continue
		}

		if rank < float64(n) {
			low, high := floatOf(bin), floatOf(bin+1)

			return low + (high-low)*(rank+0.5)/float64(n)
		}

		rank -= float64(n)
	}

	return 0
}
