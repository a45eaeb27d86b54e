package sbfake

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var samples = []any{
	nil,
	true,
	false,
	uint8(7),
	uint16(700),
	uint32(70_000),
	uint64(7),
	uint64(7_000_000_000),
	"text",
	symbol("com.microsoft:x"),
	[]byte("binary"),
	strings.Repeat("x", 300),
	[]any{},
	[]any{uint32(1), nil, []any{"deep"}},
	pairs{symbol("key"), "value"},
	described{codeOpen, []any{"id", nil, uint32(65536)}},
}

func TestCodecRoundTrip(t *testing.T) {
	t.Parallel()

	for _, want := range samples {
		d := decoder{encode(nil, want)}

		got, err := d.value()
		if err != nil {
			t.Errorf("%v: %v", want, err)
			continue
		}

		if diff := cmp.Diff(want, got, cmp.AllowUnexported(described{})); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}

		if len(d.b) > 0 {
			t.Errorf("%v: %d bytes were not decoded", want, len(d.b))
		}
	}
}

// Clients can use these forms, but the server never writes them.
func TestCodecReadsShortForms(t *testing.T) {
	t.Parallel()

	for _, test := range []struct {
		raw  []byte
		want any
	}{
		{[]byte{0x43}, uint32(0)},
		{[]byte{0x44}, uint64(0)},
		{[]byte{0x45}, []any{}},
		{[]byte{0x52, 9}, uint32(9)},
		{[]byte{0x54, 0xff}, int32(-1)},
		{[]byte{0x55, 0xfe}, int64(-2)},
		{[]byte{0x56, 1}, true},
		{[]byte{0xa1, 2, 'h', 'i'}, "hi"},
		{[]byte{0xa3, 2, 'h', 'i'}, symbol("hi")},
		{[]byte{0xc0, 3, 2, 0x41, 0x42}, []any{true, false}},
		{[]byte{0xc1, 3, 2, 0x41, 0x42}, pairs{true, false}},
		{[]byte{0xe0, 4, 2, 0x50, 1, 2}, []any{uint8(1), uint8(2)}},
		{[]byte{0xf0, 0, 0, 0, 7, 0, 0, 0, 2, 0x50, 1, 2}, []any{uint8(1), uint8(2)}},
		{[]byte{0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x40}, described{codeOpen, nil}},
	} {
		d := decoder{test.raw}

		got, err := d.value()
		if err != nil {
			t.Errorf("% x: %v", test.raw, err)
		}

		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(described{})); diff != "" {
			t.Errorf("% x: -want +got:\n%s", test.raw, diff)
		}
	}
}

func TestInvalidFrameSizes(t *testing.T) {
	t.Parallel()

	for name, head := range map[string][]byte{
		"too small":             {0, 0, 0, 7, 2, 0, 0, 0},
		"too large":             {0, 2, 0, 0, 2, 0, 0, 0},
		"its body begins early": {0, 0, 0, 9, 1, 0, 0, 0, 0x40},
		"its body begins late":  {0, 0, 0, 9, 9, 0, 0, 0, 0x40},
		"not a performative":    {0, 0, 0, 9, 2, 0, 0, 0, 0x40},
		"cut off":               {0, 0, 0, 99, 2, 0, 0, 0, 0x40},
	} {
		if _, err := readFrame(bytes.NewReader(head)); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// FuzzValue decodes any input without a panic. A value that can be encoded must
// decode to the same value.
func FuzzValue(f *testing.F) {
	for _, v := range samples {
		f.Add(encode(nil, v))
	}

	f.Fuzz(func(t *testing.T, raw []byte) {
		d := decoder{raw}

		v, err := d.value()
		if err != nil || !writable(v) {
			return
		}

		again := decoder{encode(nil, v)}

		got, err := again.value()
		if err != nil {
			t.Fatalf("%#v cannot be decoded again: %v", v, err)
		}

		if diff := cmp.Diff(v, got, cmp.AllowUnexported(described{})); diff != "" {
			t.Error(diff)
		}
	})
}

func writable(v any) bool {
	switch v := v.(type) {
	case nil, bool, uint8, uint16, uint32, uint64, string, symbol, []byte:
		return true
	case described:
		return writable(v.value)
	case []any:
		return writableAll(v)
	case pairs:
		return writableAll(v)
	}

	return false
}

func writableAll(list []any) bool {
	for _, v := range list {
		if !writable(v) {
			return false
		}
	}

	return true
}

// FuzzFrame reads any input without a panic and consumes at most the size of
// the frame.
func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(frameAMQP, frame{}))
	f.Add(
		appendFrame(
			frameAMQP,
			frame{channel: 3, code: codeTransfer, fields: []any{uint32(1)}, payload: []byte("payload")},
		),
	)
	f.Add(appendFrame(frameSASL, frame{code: codeMechanisms, fields: []any{symbol("ANONYMOUS")}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := bytes.NewReader(raw)
		if _, err := readFrame(r); err != nil {
			return
		}

		if taken, size := len(raw)-r.Len(), int(binary.BigEndian.Uint32(raw)); taken != size {
			t.Errorf("consumed %d bytes of a frame of %d", taken, size)
		}
	})
}
