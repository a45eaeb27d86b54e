package define

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// schema renders the parameters as JSON Schema 2020-12. Keys come in alphabetical order, so that it can be compared.
func (t *paramType) schema() []byte {
	properties, required := map[string]any{}, []string{}
	for _, f := range t.fields {
		properties[f.name] = f.schema()
		if f.required && f.fallback == "" {
			required = append(required, f.name)
		}
	}
	s := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
		"properties": properties,
	}
	if len(required) > 0 {
		s["required"] = required
	}
	b, err := json.Marshal(s, json.Deterministic(true))
	if err != nil { // maps of plain values always encode
		return []byte("{}")
	}
	return b
}

func (f *paramField) schema() map[string]any {
	s := typeSchema(f.typ)
	if f.doc != "" {
		s["description"] = f.doc
	}
	if f.fallback != "" {
		s["default"] = jsontext.Value(f.fallback)
	}
	typ := f.typ
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	for _, r := range f.rules {
		n, err := strconv.ParseFloat(r.arg, 64)
		isNumber := err == nil
		switch {
		case (r.name == "min" || r.name == "gte") && isNumber:
			s[bound(typ, "min")] = n
		case (r.name == "max" || r.name == "lte") && isNumber:
			s[bound(typ, "max")] = n
		case r.name == "gt" && isNumber:
			s["exclusiveMinimum"] = n
		case r.name == "lt" && isNumber:
			s["exclusiveMaximum"] = n
		case r.name == "oneof":
			s["enum"] = strings.Fields(r.arg)
		}
	}
	return s
}

func bound(t reflect.Type, which string) string {
	switch t.Kind() {
	case reflect.String:
		return which + "Length"
	case reflect.Slice, reflect.Array:
		return which + "Items"
	case reflect.Map:
		return which + "Properties"
	default:
		return which + "imum"
	}
}

func typeSchema(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		s := typeSchema(t.Elem())
		if name, ok := s["type"].(string); ok {
			s["type"] = []string{name, "null"}
		}
		return s
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Slice, reflect.Array:
		return map[string]any{"type": "array", "items": typeSchema(t.Elem())}
	case reflect.Struct:
		properties := map[string]any{}
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && jsonName(f) != "" {
				properties[jsonName(f)] = typeSchema(f.Type)
			}
		}
		return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": typeSchema(t.Elem())}
	default:
		return map[string]any{}
	}
}
