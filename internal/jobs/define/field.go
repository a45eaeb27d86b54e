package define

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-playground/validator/v10"

	"coremachine/internal/state"
)

// decodeField reads one parameter into its field; the error says what it was and what would be right.
func decodeField(dst reflect.Value, f paramField, raw jsontext.Value) *state.FieldError {
	fail := func(format string, args ...any) *state.FieldError {
		return &state.FieldError{Field: f.name, Message: fmt.Sprintf(format, args...)}
	}
	if raw.Kind() == 'n' && f.typ.Kind() != reflect.Pointer {
		return fail("is null; want %s", wanted(f.typ))
	}
	if depth(raw) >= maxDepth {
		return fail("is nested deeper than %d", maxDepth)
	}
	if bytes.Contains(raw, []byte(`\u0000`)) && holdsNUL(raw) {
		return fail("holds U+0000, which cannot be stored")
	}
	p := reflect.New(f.typ)
	err := json.Unmarshal(raw, p.Interface(), json.RejectUnknownMembers(true))
	if err == nil {
		dst.Set(p.Elem())
		return nil
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) && semantic.JSONPointer != "" {
		return &state.FieldError{Field: f.name + string(semantic.JSONPointer), Message: "cannot be used here: " + reason(semantic)}
	}
	return fail("is %s; want %s", shown(raw), wanted(f.typ))
}

func reason(e *json.SemanticError) string {
	if e.Err != nil {
		return state.CleanText(e.Err.Error())
	}
	return "the type is wrong"
}

// shown is a value as an error message repeats it, cut where it is long.
func shown(raw jsontext.Value) string {
	const most = 60
	s := string(raw)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem()) + " or null"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "an integer"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	default:
		return "a " + t.String()
	}
}

// depth is how deep a value nests; what is inside a string does not count.
func depth(raw []byte) int {
	now, most := 0, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			now++
			most = max(most, now)
		case '}', ']':
			now--
		}
	}
	return most
}

// holdsNUL tells whether an escape of U+0000 is there that is not itself escaped.
func holdsNUL(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if bytes.HasPrefix(raw[i:], []byte(`\u0000`)) {
			return true
		}
		i++
	}
	return false
}

// violations runs the validate tags and words what they say.
func (t *paramType) violations(v reflect.Value) []state.FieldError {
	err := t.validate.Struct(v.Interface())
	var found validator.ValidationErrors
	if !errors.As(err, &found) {
		return nil
	}
	var out []state.FieldError
	for _, e := range found {
		_, path, _ := strings.Cut(e.Namespace(), ".")
		out = append(out, state.FieldError{Field: path, Message: violated(e)})
	}
	return out
}

func topField(path string) string {
	if i := strings.IndexAny(path, ".[/"); i >= 0 {
		return path[:i]
	}
	return path
}

func violated(e validator.FieldError) string {
	v, arg := e.Value(), e.Param()
	text, isText := v.(string)
	sized := isText || e.Kind() == reflect.Slice || e.Kind() == reflect.Map
	size := func() string {
		if isText {
			return fmt.Sprintf("has %d characters", len([]rune(text)))
		}
		return fmt.Sprintf("has %d elements", reflect.ValueOf(v).Len())
	}
	switch e.Tag() {
	case "required":
		return "is required"
	case "min", "gte":
		if sized {
			return size() + "; the least is " + arg
		}
		return number(v) + " is below the minimum " + arg
	case "max", "lte":
		if sized {
			return size() + "; the most is " + arg
		}
		return number(v) + " is above the maximum " + arg
	case "gt":
		return number(v) + " is not above " + arg
	case "lt":
		return number(v) + " is not below " + arg
	case "oneof":
		return fmt.Sprintf("%v is not one of %s", v, strings.Join(strings.Fields(arg), ", "))
	}
	return fmt.Sprintf("%v breaks the rule %s", v, strings.TrimSuffix(e.Tag()+"="+arg, "="))
}

func number(v any) string {
	if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprint(v)
}

// count reads an integer parameter by its JSON name.
func (t *paramType) count(value any, name string) int {
	for _, f := range t.fields {
		if f.name == name {
			return int(reflect.ValueOf(value).Field(f.index).Int())
		}
	}
	return 0
}
