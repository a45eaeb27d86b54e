package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"coremachine/internal/state"
)

// Schema is a JSON Schema (2020-12) of parameters, or of one of them, as far as
// people see it: in forms, in lists, and on the command line.
type Schema struct {
	Type        state.SchemaTypes `json:"type"`
	Description string            `json:"description"`
	Default     json.RawMessage   `json:"default"`
	Enum        []json.RawMessage `json:"enum"`
	Minimum     json.Number       `json:"minimum"`
	Maximum     json.Number       `json:"maximum"`
	Above       json.Number       `json:"exclusiveMinimum"`
	Below       json.Number       `json:"exclusiveMaximum"`
	MinLength   json.Number       `json:"minLength"`
	MaxLength   json.Number       `json:"maxLength"`
	MinItems    json.Number       `json:"minItems"`
	MaxItems    json.Number       `json:"maxItems"`
	Pattern     string            `json:"pattern"`
	Format      string            `json:"format"`
	Properties  Properties        `json:"properties"`
	Required    []string          `json:"required"`
	Items       *Schema           `json:"items"`
	Values      json.RawMessage   `json:"additionalProperties"` // schema of the values of a map, or false
}

// boundless are the bounds of an integer without bounds of its own: the range
// that JSON represents exactly.
var boundless = []json.Number{"-9007199254740991", "9007199254740991"}

// UnmarshalJSON leaves out bounds that say nothing.
func (s *Schema) UnmarshalJSON(text []byte) error {
	type plain Schema

	if err := json.Unmarshal(text, (*plain)(s)); err != nil {
		return err
	}

	for _, bound := range []*json.Number{&s.Minimum, &s.Maximum} {
		if slices.Contains(boundless, *bound) {
			*bound = ""
		}
	}

	return nil
}

// Properties are the members of an object in their order.
type Properties []Property

// Property is a named member of an object.
type Property struct {
	Name string
	Schema
}

// UnmarshalJSON reads the members of a JSON object in their order.
func (p *Properties) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return err
	}

	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}

		property := Property{Name: fmt.Sprint(name)}
		if err := d.Decode(&property.Schema); err != nil {
			return fmt.Errorf("%s: %w", property.Name, err)
		}

		*p = append(*p, property)
	}

	return nil
}

// ParseSchema reads the schema of a job type's parameters.
func ParseSchema(text json.RawMessage) (*Schema, error) {
	var s Schema
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("the schema cannot be read: %w", err)
	}

	return &s, nil
}

// Kinds of parameters, as people enter and read them.
const (
	KindGroup   = "object" // has members with names of their own
	KindMap     = "map"    // has members with names that the user chooses
	KindList    = "list"   // of strings, numbers or booleans
	KindString  = "string"
	KindInteger = "integer"
	KindNumber  = "number"
	KindBoolean = "boolean"
	KindJSON    = "json" // everything else
)

// Kind returns how people enter and read a parameter. An object with a default
// of its own is not a group, because its members have others.
func (s *Schema) Kind() string {
	types := slices.DeleteFunc(slices.Clone(s.Type), func(t string) bool { return t == "null" })
	if len(types) != 1 {
		return KindJSON
	}

	switch types[0] {
	case "object":
		switch {
		case len(s.Properties) > 0 && (len(s.Default) == 0 || s.Null()):
			return KindGroup
		case len(s.Properties) == 0 && s.values() != nil:
			return KindMap
		}

		return KindJSON
	case "array":
		if s.Items == nil || s.Items.Null() || !slices.Contains(scalars, s.Items.Kind()) {
			return KindJSON
		}

		return KindList
	case KindString, KindInteger, KindNumber, KindBoolean:
		return types[0]
	}

	return KindJSON
}

var scalars = []string{KindString, KindInteger, KindNumber, KindBoolean}

// Null reports whether null is a value, which means "none".
func (s *Schema) Null() bool { return slices.Contains(s.Type, "null") }

// Property returns the member of a name, or nil.
func (s *Schema) Property(name string) *Schema {
	for i := range s.Properties {
		if s.Properties[i].Name == name {
			return &s.Properties[i].Schema
		}
	}

	return nil
}

// values returns the schema of the values of a map. It returns nil for an object
// that is not a map.
func (s *Schema) values() *Schema {
	var v Schema
	if len(s.Values) == 0 || json.Unmarshal(s.Values, &v) != nil {
		return nil
	}

	return &v
}

// Leaf is a parameter that has a value of its own. Names of nested ones are
// separated by dots.
type Leaf struct {
	Path     string
	Required bool
	Within   string // path of the object that may be null, and requires it otherwise
	Schema
}

// Leaves returns the parameters in their order. The members of a group follow
// it; the group itself is a leaf only if it may be null.
func (s *Schema) Leaves() []Leaf { return s.leaves("", "", true) }

func (s *Schema) leaves(path, within string, needed bool) (all []Leaf) {
	for _, p := range s.Properties {
		leaf := Leaf{Path: path + p.Name, Schema: p.Schema}

		required := needed && slices.Contains(s.Required, p.Name)
		switch {
		case required && within == "":
			leaf.Required = true
		case required:
			leaf.Within = within
		}

		switch {
		case p.Kind() != KindGroup:
			all = append(all, leaf)
		case p.Null():
			all = append(all, leaf)
			all = append(all, p.leaves(leaf.Path+".", leaf.Path, true)...)
		default:
			all = append(all, p.leaves(leaf.Path+".", within, required)...)
		}
	}

	return all
}
