package define

import (
	"reflect"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// members is a JSON object that keeps the order in which it was built, so that
// forms show parameters in the order of their declaration.
type members []member

type member struct {
	name  string
	value any
}

// set sets the value of a name and replaces an existing one, because two rules,
// such as required and min, may define the same bound.
func (m *members) set(name string, value any) {
	for i := range *m {
		if (*m)[i].name == name {
			(*m)[i].value = value
			return
		}
	}

	*m = append(*m, member{name, value})
}

func (m *members) get(name string) (any, bool) {
	for _, one := range *m {
		if one.name == name {
			return one.value, true
		}
	}

	return nil, false
}

// MarshalJSONTo writes the members in order.
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

// schemaOf renders the JSON Schema of a shape's tags. It returns nil if they
// are not JSON, which Check reports.
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

		if f.mustBeGiven() {
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

// mustBeGiven reports whether parameters without the field are rejected.
func (f *field) mustBeGiven() bool {
	if f.def != nil || f.shape.kind != kindObject {
		return f.def == nil && f.required()
	}

	return f.required() || slices.ContainsFunc(f.shape.fields, (*field).mustBeGiven)
}

func fieldSchema(f *field) members {
	m := members{}
	if f.doc != "" {
		m.set("description", f.doc)
	}

	m = append(m, typeSchema(f.shape, f.rules)...)
	if f.pattern != nil {
		if rule, ok := m.get("pattern"); ok {
			m.set("allOf", []members{{{"pattern", rule}}})
		}

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
