package state

import "encoding/json"

// SchemaTypes is the "type" of a JSON Schema: one word or a list of them.
type SchemaTypes []string

// UnmarshalJSON reads either.
func (t *SchemaTypes) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = SchemaTypes{one}
		return nil
	}

	return json.Unmarshal(text, (*[]string)(t))
}
