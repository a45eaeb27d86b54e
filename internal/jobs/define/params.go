package define

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-playground/validator/v10"

	"coremachine/internal/state"
)

// Params are validated parameters with defaults applied.
type Params struct {
	Canonical []byte // RFC 8785
	value     any
}

// maxDepth bounds the nesting of parameters.
const maxDepth = 32

// paramType is a parameter struct with its tags read.
type paramType struct {
	typ      reflect.Type
	fields   []paramField
	validate *validator.Validate
	problems []string
}

type paramField struct {
	name     string // in JSON
	index    int
	typ      reflect.Type
	fallback string // JSON of the default; "" none
	required bool
	rules    []rule
	doc      string
}

type rule struct{ name, arg string }

func newParamType(typ reflect.Type) *paramType {
	t := &paramType{typ: typ, validate: validator.New(validator.WithRequiredStructEnabled())}
	t.validate.RegisterTagNameFunc(jsonName)
	if typ.Kind() != reflect.Struct {
		t.problems = append(t.problems, fmt.Sprintf("the parameters are a %s; they must be a struct", typ))
		return t
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name := jsonName(f)
		if !f.IsExported() || name == "" {
			continue
		}
		p := paramField{name: name, index: i, typ: f.Type, doc: f.Tag.Get("doc")}
		for r := range strings.SplitSeq(f.Tag.Get("validate"), ",") {
			key, arg, _ := strings.Cut(r, "=")
			if key == "dive" {
				break
			}
			p.rules = append(p.rules, rule{key, arg})
			p.required = p.required || key == "required"
		}
		if text, ok := f.Tag.Lookup("default"); ok {
			p.fallback = text
			if f.Type.Kind() == reflect.String {
				quoted, err := jsontext.AppendQuote(nil, text)
				if err != nil {
					t.problems = append(t.problems, fmt.Sprintf("parameter %q has a default that is not UTF-8", name))
				}
				p.fallback = string(quoted)
			}
		}
		t.fields = append(t.fields, p)
	}
	if problem := t.checkDefaults(); problem != "" {
		t.problems = append(t.problems, problem)
	}
	return t
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	if name == "" {
		return f.Name
	}
	return name
}

// checkDefaults applies every default to its field and validates what came of it.
func (t *paramType) checkDefaults() string {
	v := reflect.New(t.typ).Elem()
	var bad []state.FieldError
	for _, f := range t.fields {
		if f.fallback == "" {
			continue
		}
		if e := decodeField(v.Field(f.index), f, jsontext.Value(f.fallback)); e != nil {
			bad = append(bad, *e)
		}
	}
	for _, e := range t.violations(v) {
		i := slices.IndexFunc(t.fields, func(f paramField) bool { return f.name == topField(e.Field) })
		if i >= 0 && t.fields[i].fallback != "" {
			bad = append(bad, e)
		}
	}
	var lines []string
	for _, e := range bad {
		lines = append(lines, fmt.Sprintf("the default of parameter %q does not hold: %s", e.Field, e.Message))
	}
	return strings.Join(lines, "; ")
}

// Parse reads parameters strictly: one JSON object, exact-case keys, none unknown and none twice, valid UTF-8, no U+0000, null only
// for pointers, nesting of at most 32; defaults are applied and rules checked. An empty body is an empty object.
// Errors: CodeMalformed with the byte offset, or CodeInvalid that names every field at fault.
func (j Job) Parse(body []byte) (Params, error) {
	t := j.params
	members, err := splitObject(body)
	if err != nil {
		return Params{}, err
	}
	v := reflect.New(t.typ).Elem()
	var bad []state.FieldError
	for name := range members {
		if !slices.ContainsFunc(t.fields, func(f paramField) bool { return f.name == name }) {
			bad = append(bad, state.FieldError{Field: state.CleanText(name), Message: "unknown; known: " + t.known()})
		}
	}
	for _, f := range t.fields {
		raw, given := members[f.name]
		switch {
		case given:
		case f.fallback != "":
			raw = jsontext.Value(f.fallback)
		case f.required:
			bad = append(bad, state.FieldError{Field: f.name, Message: "is required"})
			continue
		default:
			continue
		}
		if e := decodeField(v.Field(f.index), f, raw); e != nil {
			bad = append(bad, *e)
		}
	}
	for _, e := range t.violations(v) {
		if !slices.ContainsFunc(bad, func(b state.FieldError) bool { return topField(b.Field) == topField(e.Field) }) {
			bad = append(bad, e)
		}
	}
	if len(bad) > 0 {
		slices.SortFunc(bad, func(a, b state.FieldError) int { return strings.Compare(a.Field, b.Field) })
		return Params{}, state.Invalid("define.Parse", fmt.Sprintf("%d parameters are wrong", len(bad)), bad...)
	}
	return t.canonical(v)
}

// canonical makes the RFC 8785 form, and refuses what it would change: an integer beyond 2^53.
func (t *paramType) canonical(v reflect.Value) (Params, error) {
	b, err := json.Marshal(v.Interface(), json.Deterministic(true))
	if err != nil {
		return Params{}, state.Wrap(state.CodeInternal, "define.Parse", "the parameters cannot be encoded", err)
	}
	c := jsontext.Value(bytes.Clone(b)) // Canonicalize writes in place
	if err := c.Canonicalize(); err != nil {
		return Params{}, state.Wrap(state.CodeInternal, "define.Parse", "the parameters cannot be encoded", err)
	}
	back := reflect.New(t.typ)
	if err := json.Unmarshal(c, back.Interface()); err != nil {
		return Params{}, state.Wrap(state.CodeInternal, "define.Parse", "the parameters cannot be read back", err)
	}
	again, err := json.Marshal(back.Elem().Interface(), json.Deterministic(true))
	if err != nil || !bytes.Equal(again, b) {
		return Params{}, state.Invalid("define.Parse", "a parameter is too large",
			state.FieldError{Field: t.changed(v, back.Elem()), Message: "is an integer beyond 2^53, which JSON cannot hold exactly"})
	}
	return Params{Canonical: c, value: v.Interface()}, nil
}

func (t *paramType) changed(a, b reflect.Value) string {
	for _, f := range t.fields {
		if !reflect.DeepEqual(a.Field(f.index).Interface(), b.Field(f.index).Interface()) {
			return f.name
		}
	}
	return ""
}

func (t *paramType) known() string {
	names := make([]string, len(t.fields))
	for i, f := range t.fields {
		names[i] = f.name
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// splitObject reads one JSON object into its members, as raw values.
func splitObject(body []byte) (map[string]jsontext.Value, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	if dec.PeekKind() != '{' {
		if _, err := dec.ReadToken(); err != nil {
			return nil, malformed(err, dec)
		}
		return nil, state.Errorf(state.CodeMalformed, "define.Parse", "the body is not a JSON object (at byte 0)")
	}
	members := map[string]jsontext.Value{}
	if _, err := dec.ReadToken(); err != nil {
		return nil, malformed(err, dec)
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, malformed(err, dec)
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, malformed(err, dec)
		}
		members[key] = value.Clone()
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, malformed(err, dec)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, state.Errorf(state.CodeMalformed, "define.Parse", "the body holds more than one JSON value (at byte %d)", dec.InputOffset())
	}
	return members, nil
}

func malformed(err error, dec *jsontext.Decoder) error {
	var syntax *jsontext.SyntacticError
	offset, why := dec.InputOffset(), "it ends too early"
	if errors.As(err, &syntax) {
		offset, why = syntax.ByteOffset, syntax.Err.Error()
		if errors.Is(err, jsontext.ErrDuplicateName) {
			name := syntax.JSONPointer.LastToken()
			return state.Invalid("define.Parse", "a parameter is given twice", state.FieldError{Field: state.CleanText(name), Message: "is given twice"})
		}
	}
	return state.Errorf(state.CodeMalformed, "define.Parse", "the body is not JSON: %s (at byte %d)", state.CleanText(why), offset)
}
