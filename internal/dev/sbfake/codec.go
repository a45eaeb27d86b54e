package sbfake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// The types of AMQP 1.0 that performatives use (OASIS AMQP 1.0, part 1). A list
// is []any, a map is pairs, and a described value keeps its numeric descriptor.
type (
	symbol    string
	symbols   []symbol // an array; any array is read as []any
	pairs     []any    // key, value, key, value
	described struct {
		code  uint64
		value any
	}
)

var errShort = errors.New("sbfake: incomplete value")

type decoder struct{ b []byte }

func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.b) {
		return nil, errShort
	}

	p := d.b[:n]
	d.b = d.b[n:]

	return p, nil
}

func (d *decoder) uint(n int) (uint64, error) {
	p, err := d.take(n)
	if err != nil {
		return 0, err
	}

	var v uint64
	for _, c := range p {
		v = v<<8 | uint64(c)
	}

	return v, nil
}

func (d *decoder) value() (any, error) {
	code, err := d.uint(1)
	if err != nil {
		return nil, err
	}

	if code == 0 {
		what, err := d.value()
		if err != nil {
			return nil, err
		}

		number, _ := what.(uint64) // symbolic descriptors are unknown and become 0
		v, err := d.value()

		return described{number, v}, err
	}

	return d.plain(byte(code))
}

func (d *decoder) plain(code byte) (any, error) {
	switch code {
	case 0x40:
		return nil, nil
	case 0x41, 0x42:
		return code == 0x41, nil
	case 0x43:
		return uint32(0), nil
	case 0x44:
		return uint64(0), nil
	case 0x45:
		return []any{}, nil
	}

	switch code >> 4 {
	case 0x5, 0x6, 0x7, 0x8, 0x9:
		return d.fixed(code)
	case 0xa, 0xb:
		return d.variable(code)
	case 0xc, 0xd:
		return d.compound(code)
	case 0xe, 0xf:
		return d.array(code)
	}

	return nil, fmt.Errorf("sbfake: unknown constructor %#x", code)
}

func (d *decoder) fixed(code byte) (any, error) {
	v, err := d.uint(map[byte]int{5: 1, 6: 2, 7: 4, 8: 8, 9: 16}[code>>4])
	if err != nil {
		return nil, err
	}

	switch code {
	case 0x50:
		return uint8(v), nil
	case 0x51:
		return int8(v), nil
	case 0x52, 0x70:
		return uint32(v), nil
	case 0x53, 0x80:
		return v, nil
	case 0x54:
		return int32(int8(v)), nil
	case 0x55:
		return int64(int8(v)), nil
	case 0x56:
		return v == 1, nil
	case 0x60:
		return uint16(v), nil
	case 0x61:
		return int16(v), nil
	case 0x71:
		return int32(v), nil
	case 0x81:
		return int64(v), nil
	case 0x72:
		return math.Float32frombits(uint32(v)), nil
	case 0x82:
		return math.Float64frombits(v), nil
	case 0x83:
		return time.UnixMilli(int64(v)).UTC(), nil
	}

	return v, nil // a char, decimal or uuid, which performatives do not use
}

func (d *decoder) variable(code byte) (any, error) {
	size, err := d.uint(map[byte]int{0xa: 1, 0xb: 4}[code>>4])
	if err != nil {
		return nil, err
	}

	p, err := d.take(int(size))
	if err != nil {
		return nil, err
	}

	switch code & 0xf {
	case 0:
		return append([]byte(nil), p...), nil
	case 1:
		return string(p), nil
	}

	return symbol(p), nil
}

func (d *decoder) compound(code byte) (any, error) {
	width := map[byte]int{0xc: 1, 0xd: 4}[code>>4]

	size, err := d.uint(width)
	if err != nil {
		return nil, err
	}

	body, err := d.take(int(size))
	if err != nil {
		return nil, err
	}

	in := decoder{body}

	count, err := in.uint(width)
	if err != nil || count > uint64(len(body)) {
		return nil, errShort
	}

	items := make([]any, 0, count)
	for range count {
		v, err := in.value()
		if err != nil {
			return nil, err
		}

		items = append(items, v)
	}

	if code&0xf == 1 {
		return pairs(items), nil
	}

	return items, nil
}

func (d *decoder) array(code byte) (any, error) {
	width := map[byte]int{0xe: 1, 0xf: 4}[code>>4]

	size, err := d.uint(width)
	if err != nil {
		return nil, err
	}

	body, err := d.take(int(size))
	if err != nil {
		return nil, err
	}

	in := decoder{body}

	count, err := in.uint(width)
	if err != nil {
		return nil, err
	}

	element, err := in.uint(1)
	if err != nil || count > uint64(len(body)) {
		return nil, errShort
	}

	items := make([]any, 0, count)
	for range count {
		v, err := in.plain(byte(element))
		if err != nil {
			return nil, err
		}

		items = append(items, v)
	}

	return items, nil
}

// encode appends a value. It supports the types that this server sends.
func encode(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 0x40)
	case bool:
		if v {
			return append(b, 0x41)
		}

		return append(b, 0x42)
	case uint8:
		return append(b, 0x50, v)
	case uint16:
		return binary.BigEndian.AppendUint16(append(b, 0x60), v)
	case uint32:
		return binary.BigEndian.AppendUint32(append(b, 0x70), v)
	case uint64:
		if v < 256 { // the client reads descriptors only in this form
			return append(b, 0x53, byte(v))
		}

		return binary.BigEndian.AppendUint64(append(b, 0x80), v)
	case string:
		b = binary.BigEndian.AppendUint32(append(b, 0xb1), uint32(len(v)))
		return append(b, v...)
	case symbol:
		b = binary.BigEndian.AppendUint32(append(b, 0xb3), uint32(len(v)))
		return append(b, v...)
	case []byte:
		b = binary.BigEndian.AppendUint32(append(b, 0xb0), uint32(len(v)))
		return append(b, v...)
	case symbols:
		return encodeSymbols(b, v)
	case described:
		return encode(encode(append(b, 0x00), v.code), v.value)
	case []any:
		return encodeCompound(b, 0xd0, v)
	case pairs:
		return encodeCompound(b, 0xd1, v)
	}

	panic(fmt.Sprintf("sbfake: a %T is never sent", v))
}

// encodeSymbols appends an array. Its elements share one constructor.
func encodeSymbols(b []byte, list symbols) []byte {
	b = append(b, 0xf0)
	at := len(b)
	b = binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 0), uint32(len(list)))

	b = append(b, 0xb3)
	for _, v := range list {
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}

	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))

	return b
}

func encodeCompound(b []byte, code byte, items []any) []byte {
	b = append(b, code)
	at := len(b)

	b = binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 0), uint32(len(items)))
	for _, v := range items {
		b = encode(b, v)
	}

	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))

	return b
}

// field returns the i-th field of a performative, or zero if it is absent or of
// another type.
func field[T any](list []any, i int) T {
	var zero T
	if i >= len(list) {
		return zero
	}

	v, ok := list[i].(T)
	if !ok {
		return zero
	}

	return v
}
