package tiff

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// SampleType is the type of the values of a band.
type SampleType uint8

// The sample types that are read and written.
const (
	Uint8 SampleType = iota + 1
	Int8
	Uint16
	Int16
	Uint32
	Int32
	Uint64
	Int64
	Float32
	Float64
)

var sampleTypes = []string{
	"", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64",
}

func (t SampleType) String() string {
	if int(t) < len(sampleTypes) {
		return sampleTypes[t]
	}

	return fmt.Sprintf("sample type %d", uint8(t))
}

// MarshalText returns the name of the type.
func (t SampleType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText accepts the name of a type.
func (t *SampleType) UnmarshalText(text []byte) error {
	i := slices.Index(sampleTypes, string(text))
	if i < 0 {
		return Errorf(CodeInvalid, "%q is not a sample type", text)
	}

	*t = SampleType(i)

	return nil
}

// Size is the length of a value in bytes, and 0 for an unknown type.
func (t SampleType) Size() int {
	switch t {
	case Uint8, Int8:
		return 1
	case Uint16, Int16:
		return 2
	case Uint32, Int32, Float32:
		return 4
	case Uint64, Int64, Float64:
		return 8
	default:
		return 0
	}
}

// Float reports whether values are floating-point numbers.
func (t SampleType) Float() bool { return t == Float32 || t == Float64 }

// Signed reports whether values are signed integers.
func (t SampleType) Signed() bool { return t == Int8 || t == Int16 || t == Int32 || t == Int64 }

// Format is the value of the tag SampleFormat.
func (t SampleType) Format() int {
	switch {
	case t.Float():
		return 3
	case t.Signed():
		return 2
	default:
		return 1
	}
}

// sampleType returns the type of a format and a number of bits, or 0.
func sampleType(format, bits int) SampleType {
	for t := Uint8; t <= Float64; t++ {
		if t.Format() == format && t.Size()*8 == bits {
			return t
		}
	}

	if format == 4 { // undefined data is read as unsigned
		return sampleType(1, bits)
	}

	return 0
}

// Bits returns the little-endian value at the start of p as unsigned bits.
func (t SampleType) Bits(p []byte) uint64 {
	switch t.Size() {
	case 1:
		return uint64(p[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(p))
	case 4:
		return uint64(binary.LittleEndian.Uint32(p))
	default:
		return binary.LittleEndian.Uint64(p)
	}
}

// Put stores bits as a little-endian value at the start of p.
func (t SampleType) Put(p []byte, bits uint64) {
	switch t.Size() {
	case 1:
		p[0] = byte(bits)
	case 2:
		binary.LittleEndian.PutUint16(p, uint16(bits))
	case 4:
		binary.LittleEndian.PutUint32(p, uint32(bits))
	default:
		binary.LittleEndian.PutUint64(p, bits)
	}
}

// Value returns the number that bits stand for. Integers of 64 bits are rounded.
func (t SampleType) Value(bits uint64) float64 {
	switch t {
	case Int8:
		return float64(int8(bits))
	case Int16:
		return float64(int16(bits))
	case Int32:
		return float64(int32(bits))
	case Int64:
		return float64(int64(bits))
	case Float32:
		return float64(math.Float32frombits(uint32(bits)))
	case Float64:
		return math.Float64frombits(bits)
	case Uint8, Uint16, Uint32, Uint64:
		return float64(bits)
	default:
		return float64(bits)
	}
}

// Parse returns the bits of a number in decimal, or of nan, if the type can
// represent it. A float32 is rounded.
func (t SampleType) Parse(text string) (uint64, bool) {
	text = strings.TrimSpace(text)
	size := t.Size() * 8

	switch {
	case size == 0:
		return 0, false
	case t.Float():
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, false
		}

		if t == Float32 {
			return uint64(math.Float32bits(float32(v))), true
		}

		return math.Float64bits(v), true
	case t.Signed():
		if v, err := strconv.ParseInt(text, 10, size); err == nil {
			return uint64(v) & (math.MaxUint64 >> (64 - size)), true
		}
	default:
		if v, err := strconv.ParseUint(text, 10, size); err == nil {
			return v, true
		}
	}

	return t.parseWhole(text)
}

// parseWhole accepts an integer that is written as a float, such as 255.0.
func (t SampleType) parseWhole(text string) (uint64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v != math.Trunc(v) || math.Abs(v) >= 1<<53 {
		return 0, false
	}

	whole := strconv.FormatFloat(v, 'f', 0, 64)
	if whole == text || whole == "-0" {
		return 0, whole == "-0"
	}

	return t.Parse(whole)
}
