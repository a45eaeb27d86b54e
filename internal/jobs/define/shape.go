package define

import (
	"context"
	"encoding"
	stdjson "encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

type kind int

const (
	kindString kind = iota
	kindText        // marshals itself as a JSON string
	kindBool
	kindInt
	kindUint
	kindFloat
	kindPointer
	kindList
	kindDict
	kindObject
)

// shape is a parameter type, compiled once. Decoding, validation paths and the
// JSON Schema all use it.
type shape struct {
	typ    reflect.Type
	kind   kind
	elem   *shape   // element of a pointer, list or dict
	fields []*field // fields of an object, in the order of declaration
}

type field struct {
	name    string
	index   []int // path from the object, through embedded structs
	shape   *shape
	rules   string         // validate tag
	def     jsontext.Value // default as JSON, or nil
	fixed   reflect.Value  // the default, if values of the type can share it
	maxSize int            // maximum length of a string, list or dict by its rules, or -1
	pattern *regexp.Regexp
	doc     string
	search  bool // jobs are found by its value
}

// full reports whether a list or dict has as many items as its rules allow.
func (f *field) full(items int) bool { return f != nil && f.maxSize >= 0 && items >= f.maxSize }

func (f *field) required() bool {
	own, _, _ := strings.Cut(f.rules, ",dive")
	return slices.Contains(strings.Split(own, ","), "required")
}

func (s *shape) field(name string) *field {
	if i := s.fieldIndex(name); i >= 0 {
		return s.fields[i]
	}

	return nil
}

// fieldIndex returns the index of a field in fields, or -1.
func (s *shape) fieldIndex(name string) int {
	return slices.IndexFunc(s.fields, func(f *field) bool { return f.name == name })
}

// fieldAt returns the field at a path, or the last field above it that is not a
// struct. It returns nil if there is none.
func (s *shape) fieldAt(at []step) *field {
	var f *field

	for _, one := range at {
		if s.kind != kindObject {
			return f
		}

		if f = s.field(one.name); f == nil {
			return nil
		}

		s = f.shape.base()
	}

	return f
}

func (s *shape) names() []string {
	names := make([]string, 0, len(s.fields))
	for _, f := range s.fields {
		names = append(names, f.name)
	}

	slices.Sort(names)

	return names
}

var (
	snakeCase  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	timeType   = reflect.TypeFor[time.Time]()
	durType    = reflect.TypeFor[time.Duration]()
	marshalers = []reflect.Type{
		reflect.TypeFor[json.Marshaler](),
		reflect.TypeFor[json.MarshalerTo](),
		reflect.TypeFor[stdjson.Unmarshaler](),
		reflect.TypeFor[json.UnmarshalerFrom](),
	}
	textMarshal = reflect.TypeFor[encoding.TextMarshaler]()
	textDecode  = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// shapeOf compiles a parameter type. If the type is not a struct, the shape is
// nil. On other problems, the shape omits the invalid fields.
func shapeOf(t reflect.Type) (*shape, []string) {
	if t.Kind() != reflect.Struct || t == timeType {
		return nil, []string{fmt.Sprintf("the parameters are %s: they must be a struct", t)}
	}

	c := &compiler{}

	return c.object(t, ""), c.problems
}

type compiler struct {
	open     []reflect.Type // structs that are being compiled
	problems []string
}

func (c *compiler) problem(at, format string, args ...any) {
	if at != "" {
		format = "parameter " + at + ": " + format
	}

	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// compile returns nil, and notes why, for a type that parameters cannot have.
func (c *compiler) compile(t reflect.Type, at string) *shape {
	implements := func(i reflect.Type) bool { return t.Implements(i) || reflect.PointerTo(t).Implements(i) }
	switch {
	case t == timeType:
		return &shape{typ: t, kind: kindText}
	case t == durType:
		c.problem(at, "a time.Duration has no standard form in JSON: use a number with the unit in its name")
		return nil
	case t.Kind() != reflect.Pointer && slices.ContainsFunc(marshalers, implements):
		c.problem(at, "%s has its own JSON encoding, which cannot be described: use a plain type", t)
		return nil
	case t.Kind() != reflect.Pointer && implements(textMarshal) && implements(textDecode):
		return &shape{typ: t, kind: kindText}
	}

	s := &shape{typ: t}
	switch t.Kind() {
	case reflect.String:
		s.kind = kindString
	case reflect.Bool:
		s.kind = kindBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.kind = kindInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.kind = kindUint
	case reflect.Float32, reflect.Float64:
		s.kind = kindFloat
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Pointer {
			c.problem(at, "%s is a pointer to a pointer", t)
			return nil
		}

		s.kind = kindPointer
		s.elem = c.compile(t.Elem(), at)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			c.problem(at, "%s: use a string", t)
			return nil
		}

		s.kind = kindList
		s.elem = c.compile(t.Elem(), at)
	case reflect.Map:
		if t.Key() != reflect.TypeFor[string]() {
			c.problem(at, "%s: the keys of a map must be of type string", t)
			return nil
		}

		s.kind = kindDict
		s.elem = c.compile(t.Elem(), at)
	case reflect.Struct:
		return c.object(t, at)
	default:
		c.problem(at, "%s is not a supported parameter type", t)
		return nil
	}

	if s.kind >= kindPointer && s.elem == nil {
		return nil
	}

	return s
}

func (c *compiler) object(t reflect.Type, at string) *shape {
	if slices.Contains(c.open, t) {
		c.problem(at, "%s contains itself", t)
		return nil
	}

	c.open = append(c.open, t)
	s := &shape{typ: t, kind: kindObject}
	c.addFields(s, t, nil, at)
	c.open = c.open[:len(c.open)-1]

	return s
}

func (c *compiler) addFields(s *shape, t reflect.Type, path []int, at string) {
	for sf := range t.Fields() {
		index := append(slices.Clone(path), sf.Index...)

		tag := sf.Tag.Get("json")
		if tag == "-" {
			continue
		}

		if sf.Anonymous && tag == "" && sf.Type.Kind() == reflect.Struct {
			c.addFields(s, sf.Type, index, at)
			continue
		}

		if sf.Anonymous || !sf.IsExported() {
			c.problem(at, "field %s must be exported and named, or an embedded struct", sf.Name)
			continue
		}

		if f := c.field(sf, index, tag, at); f == nil {
			continue
		} else if s.field(f.name) != nil {
			c.problem(join(at, f.name), "two fields have this name")
		} else {
			s.fields = append(s.fields, f)
		}
	}
}

func (c *compiler) field(sf reflect.StructField, index []int, tag, at string) *field {
	if !snakeCase.MatchString(tag) {
		c.problem(
			at,
			"field %s has the json tag %q: it must be a snake_case name and nothing else",
			sf.Name,
			tag,
		)

		return nil
	}

	at = join(at, tag)

	f := &field{
		name: tag, index: index, rules: sf.Tag.Get("validate"), doc: sf.Tag.Get("doc"),
		shape: c.compile(sf.Type, at), maxSize: maxSizeOf(sf.Tag.Get("validate")),
	}
	if f.shape == nil {
		return nil
	}

	if deepObject(f.shape) && !strings.Contains(f.rules, "dive") {
		c.problem(at, "the rules of its items are only applied where its own rules include dive")
	}

	f.search = c.searchable(sf, f.shape, at)

	if pattern, ok := sf.Tag.Lookup("pattern"); ok {
		re, err := regexp.Compile(pattern)
		if err != nil || f.shape.base().kind != kindString {
			c.problem(at, "pattern %q must be a regular expression, on a string", pattern)
		} else {
			f.pattern = re
		}
	}

	if def, ok := sf.Tag.Lookup("default"); ok {
		f.def = defaultJSON(f.shape, def)
		f.fixed = fixedDefault(f)
	}

	return f
}

// fixedDefault decodes a default once. It returns an invalid value if the
// default is invalid or if each holder needs a copy of its own.
func fixedDefault(f *field) reflect.Value {
	switch f.shape.kind {
	case kindString, kindBool, kindInt, kindUint, kindFloat:
	case kindList:
		if strings.TrimSpace(string(f.def)) == "[]" {
			return reflect.MakeSlice(f.shape.typ, 0, 0)
		}

		return reflect.Value{}
	case kindText, kindPointer, kindDict, kindObject:
		return reflect.Value{}
	}

	v := reflect.New(f.shape.typ).Elem()
	d := &decoder{ctx: context.Background()}
	d.fillDefault(f, v)

	if d.stopped() || len(d.errs.list) > 0 {
		return reflect.Value{}
	}

	return v
}

// maxSizeOf returns the maximum length of a string, list or dict by its rules,
// or -1 if they set none.
func maxSizeOf(rules string) int {
	own, _, _ := strings.Cut(rules, ",dive")
	size := -1

	for rule := range strings.SplitSeq(own, ",") {
		name, param, _ := strings.Cut(rule, "=")

		n, err := strconv.Atoi(param)
		if err != nil {
			continue
		}

		switch name {
		case "max", "lte", "len":
		case "lt":
			n--
		default:
			continue
		}

		if n >= 0 && (size < 0 || n < size) {
			size = n
		}
	}

	return size
}

// base returns the shape behind a pointer.
func (s *shape) base() *shape {
	if s.kind == kindPointer {
		return s.elem
	}

	return s
}

// deepObject reports whether a list or dict holds structs.
func deepObject(s *shape) bool {
	s = s.base()
	return (s.kind == kindList || s.kind == kindDict) && s.elem.base().kind == kindObject
}

func defaultJSON(s *shape, def string) jsontext.Value {
	if k := s.base().kind; k == kindString || k == kindText {
		b, err := jsontext.AppendQuote(nil, def)
		if err != nil {
			return jsontext.Value(strconv.Quote(def)) // decoding rejects it
		}

		return b
	}

	return jsontext.Value(def)
}

func join(at, name string) string {
	if at == "" {
		return name
	}

	return at + "." + name
}
