package define

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-playground/validator/v10"
)

var rules = validator.New(validator.WithRequiredStructEnabled())

// validateInto applies the validate tags to a decoded value, to which v points,
// and notes the violations. It skips fields for which decoding has already
// found a problem. A long value is checked item by item first. If ctx has
// ended, the error has CodeUnavailable.
func validateInto(ctx context.Context, bad *problems, s *shape, v reflect.Value, long bool) error {
	items := itemChecker{ctx: ctx}
	if long {
		items.object(s, v.Elem())
	}

	if items.err != nil {
		return items.err
	}

	if items.errs.full {
		bad.join(nil, items.errs)
		return nil
	}

	var refused validator.ValidationErrors
	if !errors.As(rules.StructCtx(ctx, v.Interface()), &refused) {
		return nil
	}

	var found problems

	for _, e := range refused {
		at := pathInJSON(s, e.StructNamespace())
		if !bad.covers(at) {
			found.add(at, complaint(e))
		}
	}

	bad.join(nil, found)

	return nil
}

// pathInJSON converts a path of Go names, `Params.Filter.Tags[0]`, by the
// shape.
func pathInJSON(s *shape, namespace string) []step {
	var at []step

	rest := strings.TrimPrefix(namespace, s.typ.Name()+".")

	typ := s.typ
	for rest != "" {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}

		if key, after, ok := cutKey(rest); ok {
			one := memberStep(key)
			if n, err := strconv.Atoi(key); err == nil && typ.Kind() == reflect.Slice {
				one = itemStep(n)
			}

			at, rest = append(at, one), after
			typ = typ.Elem()

			continue
		}

		rest = strings.TrimPrefix(rest, ".")

		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}

		name := rest[:end]
		rest = rest[end:]

		if typ.Kind() != reflect.Struct {
			return append(at, memberStep(name))
		}

		sf, ok := typ.FieldByName(name)
		if !ok {
			return append(at, memberStep(name))
		}

		if tag := sf.Tag.Get("json"); tag != "" {
			at = append(at, memberStep(tag))
		}

		typ = sf.Type
	}

	return at
}

// cutKey cuts an index or a map key off the front. A key may contain any
// character.
func cutKey(s string) (key, after string, ok bool) {
	if !strings.HasPrefix(s, "[") {
		return "", "", false
	}

	for end := 1; end < len(s); end++ {
		if s[end] == ']' && (end+1 == len(s) || s[end+1] == '.' || s[end+1] == '[') {
			return s[1:end], s[end+1:], true
		}
	}

	return s[1:], "", true
}

// complaint returns what a value was and what would be accepted.
func complaint(e validator.FieldError) string {
	v := reflect.ValueOf(e.Value())
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}

	size, unit := "", ""

	switch v.Kind() {
	case reflect.String:
		size, unit = strconv.Itoa(utf8.RuneCountInString(v.String())), " characters"
	case reflect.Slice, reflect.Map:
		size, unit = strconv.Itoa(v.Len()), " items"
	}

	switch e.ActualTag() {
	case "required":
		return fmt.Sprintf("%s is the zero value: a value is required", show(v))
	case "min", "gte":
		if unit != "" {
			return fmt.Sprintf("has %s%s, below the minimum of %s", size, unit, e.Param())
		}

		return fmt.Sprintf("%s is below the minimum %s", show(v), e.Param())
	case "max", "lte":
		if unit != "" {
			return fmt.Sprintf("has %s%s, above the maximum of %s", size, unit, e.Param())
		}

		return fmt.Sprintf("%s is above the maximum %s", show(v), e.Param())
	case "gt":
		return fmt.Sprintf("%s is not above %s", sizeOr(v, size, unit), e.Param())
	case "lt":
		return fmt.Sprintf("%s is not below %s", sizeOr(v, size, unit), e.Param())
	case "len":
		return fmt.Sprintf("has %s%s, not %s", size, unit, e.Param())
	case "oneof":
		return fmt.Sprintf("%s is not one of: %s", show(v), strings.Join(words(e.Param()), ", "))
	case "unique":
		return "holds the same item more than once"
	}

	rule := e.ActualTag()
	if e.Param() != "" {
		rule += "=" + e.Param()
	}

	return fmt.Sprintf("%s does not satisfy the rule %s", show(v), rule)
}

func sizeOr(v reflect.Value, size, unit string) string {
	if unit != "" {
		return "its size of " + size + unit
	}

	return show(v)
}

func show(v reflect.Value) string {
	if !v.IsValid() {
		return "null"
	}

	switch v.Kind() {
	case reflect.String:
		return quote(v.String())
	case reflect.Slice, reflect.Map:
		return fmt.Sprintf("a value of %d items", v.Len())
	}

	b, err := json.Marshal(v.Interface())
	if err != nil {
		return "the value"
	}

	return excerpt(string(b))
}

// words splits the values of oneof at spaces, except within single quotes.
func words(s string) []string {
	var list []string

	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		word, rest, _ := strings.Cut(s, " ")
		if strings.HasPrefix(s, "'") {
			word, rest, _ = strings.Cut(s[1:], "'")
		}

		list, s = append(list, word), rest
	}

	return list
}
