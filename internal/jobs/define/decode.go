package define

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decoder fills a value by its shape and notes the invalid fields. When it
// reaches a limit, stopped is true and nothing more is read.
type decoder struct {
	ctx     context.Context
	in      *jsontext.Decoder // its text has passed scan, so its errors cannot happen
	unknown unknownMembers
	at      []step // path of the value that is being decoded
	errs    problems
	values  int   // number of values decoded and filled in
	keys    int   // number of keys of dicts
	err     error // why decoding ended early, if the problems do not say it
}

// unknownMembers says how to handle object members that a type does not have.
type unknownMembers bool

const (
	refuseUnknown unknownMembers = false
	ignoreUnknown unknownMembers = true
)

// decodeInto decodes JSON that scan has passed and applies defaults. The error
// is CodeTooLarge or CodeUnavailable. After an error, the value is incomplete.
func decodeInto(
	ctx context.Context, s *shape, text []byte, v reflect.Value, unknown unknownMembers,
) (problems, error) {
	in := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true))
	d := &decoder{ctx: ctx, in: in, unknown: unknown}
	d.value(s, nil, v)

	return d.errs, d.err
}

func (d *decoder) bad(format string, args ...any) {
	if len(d.errs.list) == maxReported {
		d.errs.full = true
		return
	}

	d.errs.add(d.at, fmt.Sprintf(format, args...))
}

// stopped reports whether a limit was reached.
func (d *decoder) stopped() bool { return d.errs.full || d.err != nil }

// count counts a value that needs memory and checks the limits periodically.
func (d *decoder) count() {
	d.values++
	switch {
	case d.err != nil:
	case d.values > maxValues:
		d.err = tooMany(maxValues, "values")
	case d.values%checkEvery == 0 && d.ctx.Err() != nil:
		d.err = leftBy(d.ctx)
	}
}

func (d *decoder) push(s step) { d.at = append(d.at, s) }
func (d *decoder) pop()        { d.at = d.at[:len(d.at)-1] }

// mistyped consumes the current value and reports that its type is wrong.
func (d *decoder) mistyped(s *shape) {
	raw, _ := d.in.ReadValue()
	if raw.Kind() == jsontext.KindNull {
		d.bad("null is not allowed: want %s", s)
		return
	}

	d.bad("%s is not %s", excerptOf(raw), s)
}

// excerptOf is like excerpt but does not copy the part that it omits.
func excerptOf(raw jsontext.Value) string {
	return excerpt(string(raw[:min(len(raw), 1000)]))
}

func (d *decoder) value(s *shape, f *field, v reflect.Value) {
	d.count()

	got := d.in.PeekKind()
	if s.kind == kindPointer {
		if got == jsontext.KindNull {
			_ = d.in.SkipValue()
			return
		}

		v.Set(reflect.New(s.typ.Elem()))
		d.value(s.elem, f, v.Elem())

		return
	}

	isBool := got == jsontext.KindTrue || got == jsontext.KindFalse
	if (s.kind == kindBool) != isBool || (!isBool && got != s.jsonKind()) {
		d.mistyped(s)
		return
	}

	switch s.kind {
	case kindObject:
		d.object(s, v)
	case kindDict:
		d.dict(s, f, v)
	case kindList:
		d.list(s, f, v)
	case kindInt, kindUint, kindFloat:
		raw, _ := d.in.ReadValue()
		d.number(s, raw, v)
	case kindBool:
		tok, _ := d.in.ReadToken()
		v.SetBool(tok.Bool())
	case kindString:
		tok, _ := d.in.ReadToken()
		v.SetString(tok.String())
		d.storable(v.String())
		d.matches(f, v.String())
	case kindText:
		raw, _ := d.in.ReadValue()
		if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
			v.SetZero()
			d.bad("%s is not %s", excerptOf(raw), s)

			return
		}

		if text, err := jsontext.AppendUnquote(nil, raw); err == nil {
			d.storable(string(text))
		}
	case kindPointer:
	}
}

// key counts a key of a dict and rejects invalid keys.
func (d *decoder) key(name string) {
	d.storable(name)

	if d.keys++; d.keys > maxKeys && d.err == nil {
		d.err = tooMany(maxKeys, "keys of maps")
	}
}

// storable rejects text that the database cannot store.
func (d *decoder) storable(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		d.bad("holds U+0000, which cannot be stored")
	}
}

// matches checks a string's pattern. It skips strings that exceed their maximum
// length: the rules reject them anyway, and the cost of the pattern grows with
// the length.
func (d *decoder) matches(f *field, s string) {
	if f == nil || f.pattern == nil || (f.maxSize >= 0 && len(s) > 4*f.maxSize) {
		return
	}

	if !f.pattern.MatchString(s) {
		d.bad("%s does not match the pattern %s", quote(s), f.pattern)
	}
}

func (d *decoder) object(s *shape, v reflect.Value) {
	seen := make([]bool, len(s.fields))

	var unknown map[string]bool

	for name := range d.members() {
		i := s.fieldIndex(name)
		switch {
		case i < 0 && unknown[name], i >= 0 && seen[i]:
			d.bad("given more than once")
			_ = d.in.SkipValue()
		case i < 0 && d.unknown == ignoreUnknown:
			_ = d.in.SkipValue()
		case i < 0:
			if unknown == nil {
				unknown = map[string]bool{}
			}

			unknown[name] = true

			d.bad("unknown; known: %s", s.known())
			_ = d.in.SkipValue()
		default:
			seen[i] = true
			f := s.fields[i]
			d.value(f.shape, f, v.FieldByIndex(f.index))
		}
	}

	for i, f := range s.fields {
		if d.stopped() {
			return
		}

		if !seen[i] {
			d.push(memberStep(f.name))
			d.absent(f, v.FieldByIndex(f.index))
			d.pop()
		}
	}
}

// members reads an object and yields each member, with the path set to it. The
// body of the loop must consume the member's value.
func (d *decoder) members() iter.Seq[string] {
	return func(yield func(string) bool) {
		_, _ = d.in.ReadToken()
		for !d.stopped() && d.in.PeekKind() == jsontext.KindString {
			tok, _ := d.in.ReadToken()
			name := tok.String()
			d.push(memberStep(name))
			again := yield(name)

			d.pop()

			if !again {
				return
			}
		}

		if !d.stopped() {
			_, _ = d.in.ReadToken()
		}
	}
}

func (d *decoder) dict(s *shape, f *field, v reflect.Value) {
	v.Set(reflect.MakeMap(s.typ))
	key := reflect.New(s.typ.Key()).Elem()
	elem := reflect.New(s.typ.Elem()).Elem()
	over := 0

	for name := range d.members() {
		key.SetString(name)

		switch {
		case v.MapIndex(key).IsValid():
			d.bad("given more than once")
			_ = d.in.SkipValue()
		case f.full(v.Len()):
			_ = d.in.SkipValue()
			over++
		default:
			d.key(name)
			elem.SetZero()
			d.value(s.elem, nil, elem)
			v.SetMapIndex(key, elem)
		}
	}

	d.oversized(f, v.Len(), over)
}

func (d *decoder) list(s *shape, f *field, v reflect.Value) {
	v.Set(reflect.MakeSlice(s.typ, 0, 0))

	_, _ = d.in.ReadToken()
	over := 0

	for n := 0; !d.stopped() && d.more(); n++ {
		if f.full(n) {
			_ = d.in.SkipValue()
			over++

			continue
		}

		v.Grow(1)
		v.SetLen(n + 1)
		d.push(itemStep(n))
		d.value(s.elem, nil, v.Index(n))
		d.pop()
	}

	if !d.stopped() {
		_, _ = d.in.ReadToken()
	}

	d.oversized(f, v.Len(), over)
}

// oversized reports that a list or dict has more items than its rules allow.
// The items over the maximum were counted but not decoded.
func (d *decoder) oversized(f *field, kept, over int) {
	if over > 0 {
		d.bad("has %d items, above the maximum of %d", kept+over, f.maxSize)
	}
}

// more reports whether an array continues. It is false for unreadable text,
// which would otherwise make the loop endless.
func (d *decoder) more() bool {
	k := d.in.PeekKind()
	return k != jsontext.KindEndArray && k != jsontext.KindInvalid
}
