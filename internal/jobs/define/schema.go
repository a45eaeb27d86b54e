package define

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// members is a JSON object in the order in which it was built, so that forms show parameters as they were declared.
type members []member

type member struct {
	name  string
	value any
}

// set gives a name its value, in place of the one that it has: two rules may speak of the same bound, such as required and min.
func (m *members) set(name string, value any) {
	for i := range *m {
		if (*m)[i].name == name {
			(*m)[i].value = value
			return
		}
	}
	*m = append(*m, member{name, value})
}

// MarshalJSONTo keeps the order.
func (m members) MarshalJSONTo(e *jsontext.Encoder) error {
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, o := range m {
		if err := e.WriteToken(jsontext.String(o.name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(e, o.value); err != nil {
			return err
		}
	}
	return e.WriteToken(jsontext.EndObject)
}

// schemaOf renders the JSON Schema that a shape's tags amount to; nil where they are not JSON, which Check reports.
func schemaOf(s *shape, description string) []byte {
	m := members{{"$schema", "https://json-schema.org/draft/2020-12/schema"}}
	if description != "" {
		m.set("description", description)
	}
	b, err := json.Marshal(append(m, objectSchema(s)...), json.Deterministic(true))
	if err != nil {
		return nil
	}
	return b
}

func objectSchema(s *shape) members {
	properties, required := members{}, []string{}
	for _, f := range s.fields {
		properties.set(f.name, fieldSchema(f))
		if f.required() && f.def == nil {
			required = append(required, f.name)
		}
	}
	m := members{{"type", "object"}, {"properties", properties}}
	if len(required) > 0 {
		m.set("required", required)
	}
	m.set("additionalProperties", false)
	return m
}

func fieldSchema(f *field) members {
	m := members{}
	if f.doc != "" {
		m.set("description", f.doc)
	}
	m = append(m, typeSchema(f.shape, f.rules)...)
	if f.pattern != nil {
		m.set("pattern", f.pattern.String())
	}
	switch {
	case f.def != nil:
		m.set("default", f.def)
	case !f.required() && f.shape.kind != kindObject && f.shape.kind != kindText:
		m.set("default", zero(f.shape))
	}
	return m
}

func zero(s *shape) any {
	switch s.kind {
	case kindList:
		return []int{}
	case kindPointer:
		return nil
	case kindDict:
		return members{}
	case kindString, kindBool, kindInt, kindUint, kindFloat, kindText, kindObject:
	}
	return reflect.Zero(s.typ).Interface()
}

func typeSchema(s *shape, tag string) members {
	own, items, _ := strings.Cut(tag, "dive")
	items = strings.TrimPrefix(items, ",")
	if strings.HasPrefix(items, "keys,") {
		_, items, _ = strings.Cut(items, "endkeys")
		items = strings.TrimPrefix(items, ",")
	}
	m := members{}
	base := s.base()
	switch base.kind {
	case kindString:
		m = members{{"type", "string"}}
	case kindText:
		m = members{{"type", "string"}}
		if base.typ == timeType {
			m.set("format", "date-time")
		}
	case kindBool:
		m = members{{"type", "boolean"}}
	case kindInt, kindUint:
		m = members{{"type", "integer"}}
		if base.kind == kindUint && !strings.Contains(own, "min=") && !strings.Contains(own, "gte=") {
			m.set("minimum", 0)
		}
	case kindFloat:
		m = members{{"type", "number"}}
	case kindList:
		m = members{{"type", "array"}, {"items", typeSchema(base.elem, items)}}
	case kindDict:
		m = members{{"type", "object"}, {"additionalProperties", typeSchema(base.elem, items)}}
	case kindObject:
		m = objectSchema(base)
	case kindPointer:
	}
	if s.kind == kindPointer {
		m[0].value = []any{m[0].value, "null"}
	}
	addRules(&m, s, own)
	return m
}

// ruleNames gives the keyword of a bound, by what is bounded.
var ruleNames = map[string][3]string{ // number, string, list
	"min": {"minimum", "minLength", "minItems"},
	"gte": {"minimum", "minLength", "minItems"},
	"max": {"maximum", "maxLength", "maxItems"},
	"lte": {"maximum", "maxLength", "maxItems"},
	"gt":  {"exclusiveMinimum", "", ""},
	"lt":  {"exclusiveMaximum", "", ""},
}

// formats are the rules that JSON Schema has a format or a pattern for.
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

// addRules adds what of a validate tag JSON Schema can say; the rest is only known to Parse.
func addRules(m *members, s *shape, tag string) {
	base := s.base()
	column := map[kind]int{kindInt: 0, kindUint: 0, kindFloat: 0, kindString: 1, kindList: 2}
	for rule := range strings.SplitSeq(tag, ",") {
		name, param, _ := strings.Cut(rule, "=")
		if o, ok := formats[name]; ok {
			m.set(o.name, o.value)
			continue
		}
		if name == "oneof" {
			m.set("enum", enum(s, words(param)))
			continue
		}
		if name == "required" && s.kind == kindString {
			m.set("minLength", 1)
			continue
		}
		at, sized := column[base.kind]
		keyword := ruleNames[name][at]
		if n, err := strconv.ParseFloat(param, 64); err == nil && sized && keyword != "" {
			m.set(keyword, n)
		}
	}
}

func enum(s *shape, values []string) []any {
	var list []any
	for _, v := range values {
		if s.base().kind == kindString {
			list = append(list, v)
		} else {
			list = append(list, jsontext.Value(v))
		}
	}
	if s.kind == kindPointer {
		list = append(list, nil)
	}
	return list
}
