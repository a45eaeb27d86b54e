package define

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// typeSchema returns the schema of a type and its rules.
func typeSchema(s *shape, tag string) members {
	own, items, _ := cutDive(tag)
	base := s.base()
	m := members{}

	switch base.kind {
	case kindString:
		m.set("type", "string")
	case kindText:
		m.set("type", "string")

		if base.typ == timeType {
			m.set("format", "date-time")
		}
	case kindBool:
		m.set("type", "boolean")
	case kindInt, kindUint:
		m.set("type", "integer")
	case kindFloat:
		m.set("type", "number")
	case kindList:
		m = members{{"type", "array"}, {"items", typeSchema(base.elem, items)}}
	case kindDict:
		keys, values := keyRules(items)

		m = members{{"type", "object"}, {"additionalProperties", typeSchema(base.elem, values)}}
		if names := ruleSchema(&shape{kind: kindString}, keys); len(names) > 0 {
			m.set("propertyNames", names)
		}
	case kindObject:
		m = objectSchema(base)
	case kindPointer:
	}

	if s.kind == kindPointer && nullable(own) {
		m[0].value = []any{m[0].value, "null"}
	}

	return append(m, ruleSchema(s, own)...)
}

// nullable reports whether the rules of a pointer allow null.
func nullable(tag string) bool {
	return tag == "" || slices.ContainsFunc(strings.Split(tag, ","), omits)
}

// omits reports whether a rule ends the checking of an empty value.
func omits(rule string) bool { return rule == "omitempty" || rule == "omitnil" }

// formats maps rules to the JSON Schema format or pattern for them.
var formats = map[string]member{
	"email":       {"format", "email"},
	"uri":         {"format", "uri"},
	"url":         {"format", "uri"},
	"uuid":        {"format", "uuid"},
	"ipv4":        {"format", "ipv4"},
	"ipv6":        {"format", "ipv6"},
	"hostname":    {"format", "hostname"},
	"alpha":       {"pattern", "^[a-zA-Z]+$"},
	"alphanum":    {"pattern", "^[a-zA-Z0-9]+$"},
	"hexadecimal": {"pattern", "^(0[xX])?[0-9a-fA-F]+$"},
	"unique":      {"uniqueItems", true},
}

// sizeNames maps kinds to the keywords for their size.
var sizeNames = map[kind][2]string{
	kindString: {"minLength", "maxLength"},
	kindList:   {"minItems", "maxItems"},
	kindDict:   {"minProperties", "maxProperties"},
}

// ruleSchema returns the rules of a validate tag, and the type's own bounds, as
// far as JSON Schema can express them. Other rules, such as rules about two
// parameters, are only checked by Parse.
func ruleSchema(s *shape, tag string) members {
	base := s.base()
	ownBounds := boundsOf(base)
	ruled, zeroPasses := ownBounds, true
	m := members{}

	for rule := range strings.SplitSeq(tag, ",") {
		name, param, _ := strings.Cut(rule, "=")

		o, hasFormat := formats[name]
		switch {
		case hasFormat && (name != "unique" || base.kind == kindList):
			m.set(o.name, o.value)
			zeroPasses = zeroPasses && name == "unique"
		case name == "oneof":
			m.set("enum", enum(s, words(param), nullable(tag)))

			zeroPasses = false
		case name == "required" && s.kind != kindPointer:
			ruled.require(base, &m)
		default:
			ruled.narrow(base, name, param)
		}
	}

	emptyPasses := s.kind != kindPointer && nullable(tag) && tag != ""
	if !emptyPasses || (zeroPasses && ruled.holdsZero()) || base.kind == kindList || base.kind == kindDict {
		return slices.Concat(ruled.members(base), m)
	}

	if list, ok := m.get("enum"); ok && len(m) == 1 && ruled == ownBounds {
		m.set("enum", withZero(base, list))
		return slices.Concat(ownBounds.members(base), m)
	}

	either := []members{{{"const", zero(base)}}, slices.Concat(ruled.members(base), m)}

	return append(ownBounds.members(base), member{"anyOf", either})
}

// withZero returns an enum that includes the zero value of its type.
func withZero(s *shape, list any) []any {
	values, _ := list.([]any)
	if s.kind == kindString {
		if slices.Contains(values, any("")) {
			return values
		}

		return append([]any{""}, values...)
	}

	for _, v := range values {
		if raw, ok := v.(jsontext.Value); ok && string(raw) == "0" {
			return values
		}
	}

	return append([]any{jsontext.Value("0")}, values...)
}

// bounds limits a number or a size. They are whole except for floats.
type bounds struct {
	low, high       float64
	above, below    float64 // exclusive
	sized           bool
	nonzero, wholly bool
}

func boundsOf(s *shape) bounds {
	b := bounds{low: math.Inf(-1), high: math.Inf(1), above: math.Inf(-1), below: math.Inf(1)}

	switch s.kind {
	case kindInt, kindUint:
		low, high := s.bounds()
		b.low, b.high, b.wholly = float64(low), float64(high), true
	case kindFloat:
		if s.typ.Bits() == 32 {
			b.low, b.high = -math.MaxFloat32, math.MaxFloat32
		}
	case kindString, kindList, kindDict:
		b.sized, b.low = true, 0
	case kindText, kindBool, kindPointer, kindObject:
	}

	return b
}

// narrow applies a rule that limits a value or its size.
func (b *bounds) narrow(s *shape, name, param string) {
	n, err := strconv.ParseFloat(param, 64)
	_, sized := sizeNames[s.kind]

	isNumber := s.kind == kindInt || s.kind == kindUint || s.kind == kindFloat
	if err != nil || (!sized && !isNumber) {
		return
	}

	switch name {
	case "min", "gte":
		b.low = max(b.low, n)
	case "max", "lte":
		b.high = min(b.high, n)
	case "len", "eq":
		if name == "len" || isNumber {
			b.low, b.high = max(b.low, n), min(b.high, n)
		}
	case "gt":
		if sized {
			b.low = max(b.low, n+1)
			return
		}

		b.above = max(b.above, n)
	case "lt":
		if sized {
			b.high = min(b.high, n-1)
			return
		}

		b.below = min(b.below, n)
	}
}

// require applies the rule required to a value that is not a pointer.
func (b *bounds) require(s *shape, m *members) {
	switch s.kind {
	case kindString:
		b.low = max(b.low, 1)
	case kindBool:
		m.set("const", true)
	case kindInt, kindUint, kindFloat:
		b.nonzero = true
	case kindText, kindPointer, kindList, kindDict, kindObject:
	}
}

// holdsZero reports whether the zero value, or an empty one, is within bounds.
func (b *bounds) holdsZero() bool {
	return b.low <= 0 && b.high >= 0 && b.above < 0 && b.below > 0 && !b.nonzero
}

// members returns the bounds as keywords.
func (b *bounds) members(s *shape) members {
	m := members{}

	names, sized := sizeNames[s.kind]
	if !sized {
		names = [2]string{"minimum", "maximum"}
	}

	if !math.IsInf(b.low, 0) && b.low > b.above && !(sized && b.low == 0) {
		m.set(names[0], number(b.low))
	}

	if !math.IsInf(b.high, 0) && b.high < b.below {
		m.set(names[1], number(b.high))
	}

	if !math.IsInf(b.above, 0) && b.above >= b.low {
		m.set("exclusiveMinimum", number(b.above))
	}

	if !math.IsInf(b.below, 0) && b.below <= b.high {
		m.set("exclusiveMaximum", number(b.below))
	}

	if b.nonzero && b.low <= 0 && b.high >= 0 {
		m.set("not", members{{"const", number(0)}})
	}

	return m
}

// number writes a bound. The largest integers are written without an exponent.
func number(n float64) jsontext.Value {
	format := byte('g')
	if n == math.Trunc(n) && math.Abs(n) <= maxExact {
		format = 'f'
	}

	return jsontext.Value(strconv.FormatFloat(n, format, -1, 64))
}

func enum(s *shape, values []string, withNull bool) []any {
	var list []any

	for _, v := range values {
		if s.base().kind == kindString {
			list = append(list, v)
		} else {
			list = append(list, jsontext.Value(v))
		}
	}

	if s.kind == kindPointer && withNull {
		list = append(list, nil)
	}

	return list
}
