package define

import (
	"encoding/json"
	"reflect"

	"coremachine/internal/state"
)

// Body returns parameters as the JSON object that a submit sends. A field of a
// struct that is zero and has a default is left out, so that it gets the default.
// Values other than structs are encoded as they are, and nil as {}.
func Body(params any) ([]byte, error) {
	const op = "define.Body"

	if params == nil {
		return []byte("{}"), nil
	}

	v := reflect.ValueOf(params)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}

	encode := func() ([]byte, error) { return json.Marshal(params) }

	if v.Kind() == reflect.Struct {
		if shape, problems := shapeOf(v.Type()); len(problems) == 0 {
			encode = func() ([]byte, error) { return bodyOf(shape, v) }
		}
	}

	body, err := encode()
	if err != nil {
		return nil, state.Wrap(state.CodeInvalid, op, "the parameters cannot be encoded as JSON", err)
	}

	return body, nil
}

// bodyOf returns a struct as JSON without the zero fields that have a default.
func bodyOf(shape *shape, value reflect.Value) ([]byte, error) {
	text, err := json.Marshal(value.Interface())
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller wraps it
	}

	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err //nolint:wrapcheck // the caller wraps it
	}

	for _, f := range shape.fields {
		if f.def == nil {
			continue
		}

		if v, err := value.FieldByIndexErr(f.index); err != nil || v.IsZero() {
			delete(fields, f.name)
		}
	}

	return json.Marshal(fields) //nolint:wrapcheck // the caller wraps it
}
