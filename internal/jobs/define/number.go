package define

import (
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxExact is the largest integer that every JSON reader represents exactly,
// because numbers in canonical JSON (RFC 8785) are doubles.
const maxExact = 1<<53 - 1

func (d *decoder) number(s *shape, raw jsontext.Value, v reflect.Value) {
	if s.kind == kindFloat {
		n, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || v.OverflowFloat(n) {
			d.bad("%s is beyond the range of a %d-bit floating-point number", excerptOf(raw), s.typ.Bits())
			return
		}

		if n == 0 {
			n = 0 // canonical JSON writes minus zero as 0
		}

		v.SetFloat(n)

		return
	}

	n, whole, exact := integer(string(raw))

	low, high := s.bounds()
	switch {
	case !whole:
		d.bad("%s is not an integer", excerptOf(raw))
	case !exact:
		d.bad("%s is beyond ±%d, up to which JSON carries integers exactly", excerptOf(raw), maxExact)
	case n < low || n > high:
		d.bad("%d is not between %d and %d", n, low, high)
	case s.kind == kindUint:
		v.SetUint(uint64(n))
	default:
		v.SetInt(n)
	}
}

// integer reads a JSON number without a fraction, in any notation: 30, 30.0,
// 3e1 and 300e-1 are the same. The value is exact up to maxExact.
func integer(raw string) (n int64, whole, exact bool) {
	mantissa, exponent, hasExponent := cutExponent(raw)
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	intPart, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(intPart+fraction, "0")

	kept := strings.TrimRight(digits, "0")
	if kept == "" {
		return 0, true, true
	}

	shift := 0

	if hasExponent {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil { // the exponent is larger than any text is long
			return 0, !strings.HasPrefix(exponent, "-"), false
		}
	}

	const far = 1 << 40 // no text is this long, and sums of it do not overflow

	zeros := max(-far, min(shift, far)) - len(fraction) + len(digits) - len(kept)
	if zeros < 0 {
		return 0, false, false
	}

	const maxDigits = 16 // number of digits of maxExact
	if len(kept)+zeros > maxDigits {
		return 0, true, false
	}

	n, _ = strconv.ParseInt(kept+strings.Repeat("0", zeros), 10, 64) // at most 16 digits, so it cannot fail
	if negative {
		n = -n
	}

	return n, true, n <= maxExact && n >= -maxExact
}

func cutExponent(raw string) (mantissa, exponent string, ok bool) {
	i := strings.IndexAny(raw, "eE")
	if i < 0 {
		return raw, "", false
	}

	return raw[:i], raw[i+1:], true
}

// bounds returns the range of integers that the type holds and JSON represents.
func (s *shape) bounds() (low, high int64) {
	high = maxExact
	if bits := s.typ.Bits(); bits < 64 {
		high = 1<<bits - 1
		if s.kind == kindInt {
			high = math.MaxInt64 >> (64 - bits)
		}
	}

	if s.kind == kindUint {
		return 0, min(high, maxExact)
	}

	return max(-maxExact, -high-1), min(high, maxExact)
}
