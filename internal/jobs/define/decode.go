package define

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxExact is the largest integer that every JSON reader carries exactly: canonical JSON (RFC 8785) is made of doubles.
const maxExact = 1<<53 - 1

// decoder fills a value by its shape and notes every field at fault rather than only the first.
type decoder struct {
	in   *jsontext.Decoder // of text that scan has passed: its errors cannot happen
	errs problems
}

// decodeInto decodes JSON that scan has passed, applying defaults.
func decodeInto(s *shape, text []byte, v reflect.Value) problems {
	d := &decoder{in: jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))}
	d.value(s, nil, v, nil)
	return d.errs
}

func (d *decoder) bad(at []string, format string, args ...any) {
	d.errs.add(at, fmt.Sprintf(format, args...))
}

// mistyped consumes the value that is at hand.
func (d *decoder) mistyped(s *shape, at []string) {
	raw, _ := d.in.ReadValue()
	if raw.Kind() == jsontext.KindNull {
		d.bad(at, "null is not allowed: want %s", s)
		return
	}
	d.bad(at, "%s is not %s", excerpt(string(raw)), s)
}

func (d *decoder) value(s *shape, f *field, v reflect.Value, at []string) {
	got := d.in.PeekKind()
	if s.kind == kindPointer {
		if got == jsontext.KindNull {
			_ = d.in.SkipValue()
			return
		}
		v.Set(reflect.New(s.typ.Elem()))
		d.value(s.elem, f, v.Elem(), at)
		return
	}
	isBool := got == jsontext.KindTrue || got == jsontext.KindFalse
	if (s.kind == kindBool) != isBool || (!isBool && got != s.jsonKind()) {
		d.mistyped(s, at)
		return
	}
	switch s.kind {
	case kindObject:
		d.object(s, v, at)
	case kindDict:
		d.dict(s, v, at)
	case kindList:
		d.list(s, v, at)
	case kindInt, kindUint, kindFloat:
		raw, _ := d.in.ReadValue()
		d.number(s, string(raw), v, at)
	case kindBool:
		tok, _ := d.in.ReadToken()
		v.SetBool(tok.Bool())
	case kindString:
		tok, _ := d.in.ReadToken()
		v.SetString(tok.String())
		d.matches(f, v.String(), at)
	case kindText:
		raw, _ := d.in.ReadValue()
		if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
			v.SetZero()
			d.bad(at, "%s is not %s", excerpt(string(raw)), s)
		}
	case kindPointer:
	}
}

func (d *decoder) matches(f *field, s string, at []string) {
	if f != nil && f.pattern != nil && !f.pattern.MatchString(s) {
		d.bad(at, "%s does not match the pattern %s", quote(s), f.pattern)
	}
}

func (d *decoder) object(s *shape, v reflect.Value, at []string) {
	seen := make(map[string]bool, len(s.fields))
	for name := range d.members() {
		here := append(slices.Clip(at), name)
		f := s.field(name)
		switch {
		case seen[name]:
			d.bad(here, "given more than once")
			_ = d.in.SkipValue()
		case f == nil:
			d.bad(here, "unknown; known: %s", strings.Join(s.names(), ", "))
			_ = d.in.SkipValue()
		default:
			d.value(f.shape, f, v.FieldByIndex(f.index), here)
		}
		seen[name] = true
	}
	for _, f := range s.fields {
		if !seen[f.name] {
			d.absent(f, v.FieldByIndex(f.index), append(slices.Clip(at), f.name))
		}
	}
}

// members reads an object: the body of the loop must consume the member's value.
func (d *decoder) members() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		_, _ = d.in.ReadToken()
		for d.in.PeekKind() == jsontext.KindString {
			tok, _ := d.in.ReadToken()
			if !yield(tok.String()) {
				return
			}
		}
		_, _ = d.in.ReadToken()
	}
}

func (d *decoder) dict(s *shape, v reflect.Value, at []string) {
	v.Set(reflect.MakeMap(s.typ))
	seen := map[string]bool{}
	for name := range d.members() {
		here := append(slices.Clip(at), name)
		if seen[name] {
			d.bad(here, "given more than once")
			_ = d.in.SkipValue()
			continue
		}
		seen[name] = true
		item := reflect.New(s.typ.Elem()).Elem()
		d.value(s.elem, nil, item, here)
		v.SetMapIndex(reflect.ValueOf(name), item)
	}
}

func (d *decoder) list(s *shape, v reflect.Value, at []string) {
	v.Set(reflect.MakeSlice(s.typ, 0, 0))
	_, _ = d.in.ReadToken()
	for i := 0; d.more(); i++ {
		item := reflect.New(s.typ.Elem()).Elem()
		d.value(s.elem, nil, item, append(slices.Clip(at), strconv.Itoa(i)))
		v.Set(reflect.Append(v, item))
	}
	_, _ = d.in.ReadToken()
}

// more tells whether an array goes on. Text that could not be read would otherwise never end.
func (d *decoder) more() bool {
	k := d.in.PeekKind()
	return k != jsontext.KindEndArray && k != jsontext.KindInvalid
}

// absent gives a field what it is when its key is not there.
func (d *decoder) absent(f *field, v reflect.Value, at []string) {
	if f.def != nil {
		d.errs.join(at, decodeDefault(f, v))
		return
	}
	if f.required() {
		d.bad(at, "missing: want %s", f.shape)
		return
	}
	switch f.shape.kind {
	case kindList:
		v.Set(reflect.MakeSlice(f.shape.typ, 0, 0)) // as it will be read back: nil and empty are the same JSON
	case kindDict:
		v.Set(reflect.MakeMap(f.shape.typ))
	case kindString:
		d.matches(f, "", at)
	case kindObject:
		for _, inner := range f.shape.fields {
			d.absent(inner, v.FieldByIndex(inner.index), append(slices.Clip(at), inner.name))
		}
	case kindText, kindBool, kindInt, kindUint, kindFloat, kindPointer:
	}
}

func decodeDefault(f *field, v reflect.Value) problems {
	if _, err := scan(f.def); err != nil {
		return problems{list: []problem{{message: "the default is no JSON"}}}
	}
	d := &decoder{in: jsontext.NewDecoder(bytes.NewReader(f.def), jsontext.AllowDuplicateNames(true))}
	d.value(f.shape, f, v, nil)
	return d.errs
}

func (d *decoder) number(s *shape, raw string, v reflect.Value, at []string) {
	if s.kind == kindFloat {
		n, err := strconv.ParseFloat(raw, 64)
		if err != nil || v.OverflowFloat(n) {
			d.bad(at, "%s is beyond the range of a %d-bit floating-point number", excerpt(raw), s.typ.Bits())
			return
		}
		if n == 0 {
			n = 0 // minus zero is spelt 0 in canonical JSON
		}
		v.SetFloat(n)
		return
	}
	if strings.ContainsAny(raw, ".eE") {
		d.bad(at, "%s is not an integer", excerpt(raw))
		return
	}
	n, err := strconv.ParseInt(raw, 10, 64)
	low, high := s.bounds()
	switch {
	case err != nil || n > maxExact || n < -maxExact:
		d.bad(at, "%s is beyond ±%d, up to which JSON carries integers exactly", excerpt(raw), maxExact)
	case n < low || n > high:
		d.bad(at, "%d is not between %d and %d", n, low, high)
	case s.kind == kindUint:
		v.SetUint(uint64(n))
	default:
		v.SetInt(n)
	}
}

// bounds are the integers that a type holds and JSON carries.
func (s *shape) bounds() (low, high int64) {
	high = maxExact
	if bits := s.typ.Bits(); bits < 64 {
		high = 1<<bits - 1
		if s.kind == kindInt {
			high = math.MaxInt64 >> (64 - bits)
		}
	}
	if s.kind == kindUint {
		return 0, high
	}
	return max(-maxExact, -high-1), high
}

// String names the type as users know it.
func (s *shape) String() string {
	switch s.kind {
	case kindString:
		return "a string"
	case kindText:
		if s.typ == timeType {
			return "a time as of RFC 3339"
		}
		return "a string that holds a " + s.typ.String()
	case kindBool:
		return "true or false"
	case kindInt, kindUint:
		return "an integer"
	case kindFloat:
		return "a number"
	case kindPointer:
		return s.elem.String() + " or null"
	case kindList:
		return "an array"
	case kindDict, kindObject:
		return "an object"
	}
	return s.typ.String()
}

// jsonKind is how the type looks in JSON; booleans, of which there are two, apart.
func (s *shape) jsonKind() jsontext.Kind {
	switch s.kind {
	case kindString, kindText:
		return jsontext.KindString
	case kindInt, kindUint, kindFloat:
		return jsontext.KindNumber
	case kindList:
		return jsontext.KindBeginArray
	case kindDict, kindObject:
		return jsontext.KindBeginObject
	case kindBool, kindPointer:
	}
	return jsontext.KindInvalid
}
