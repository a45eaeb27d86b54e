package define

import (
	"bytes"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// absent sets a field whose key is missing.
func (d *decoder) absent(f *field, v reflect.Value) {
	d.count()

	if f.def != nil {
		d.fillDefault(f, v)
		return
	}

	if f.required() {
		d.bad("missing: want %s", f.shape)
		return
	}

	switch f.shape.kind {
	case kindList:
		// Set an empty value, because stored parameters are read back: nil and
		// empty are the same JSON.
		v.Set(reflect.MakeSlice(f.shape.typ, 0, 0))
	case kindDict:
		v.Set(reflect.MakeMap(f.shape.typ))
	case kindString:
		d.matches(f, "")
	case kindObject:
		for _, inner := range f.shape.fields {
			d.push(memberStep(inner.name))
			d.absent(inner, v.FieldByIndex(inner.index))
			d.pop()
		}
	case kindText, kindBool, kindInt, kindUint, kindFloat, kindPointer:
	}
}

// fillDefault decodes the default of a missing value.
func (d *decoder) fillDefault(f *field, v reflect.Value) {
	if f.fixed.IsValid() {
		v.Set(f.fixed)
		return
	}

	if err := scan(d.ctx, f.def); err != nil {
		d.bad("the default is not JSON")
		return
	}

	inner := &decoder{
		ctx: d.ctx, values: d.values, at: d.at, errs: d.errs,
		in: jsontext.NewDecoder(bytes.NewBuffer(f.def), jsontext.AllowDuplicateNames(true)),
	}
	inner.value(f.shape, f, v)
	d.values, d.errs, d.err = inner.values, inner.errs, inner.err
}

// String returns the name of the type as users know it.
func (s *shape) String() string {
	switch s.kind {
	case kindString:
		return "a string"
	case kindText:
		if s.typ == timeType {
			return "an RFC 3339 time"
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

// jsonKind returns the kind of the type in JSON. Booleans, which have two kinds
// in JSON, are handled separately.
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

// known lists the names of an object's fields for a message.
func (s *shape) known() string { return strings.Join(s.names(), ", ") }
