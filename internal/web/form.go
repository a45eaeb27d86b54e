package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"coremachine/internal/state"
)

// formField is the input field for one parameter of a job.
type formField struct {
	Name     string
	ID       string // id of its element
	Widget   string // number, text, select, check or json
	Kind     string // type of the value: integer, number, string, boolean or json
	Hints    []string
	Text     string // description
	Value    string // initial value: the default, or a value from the URL
	Default  string // default as JSON; empty if there is none
	Required bool
	Null     bool // an empty field means null, which is the default
	Options  []option
	Min, Max string
	Step     string
	MinLen   string
	MaxLen   string
	Pattern  string
}

type option struct {
	Value, Text string // Value is JSON
	Chosen      bool
}

// parameterSchema holds the keywords that a form uses of the JSON Schema of one
// parameter.
type parameterSchema struct {
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
}

// formOf returns the fields of a form for the JSON Schema of a job's
// parameters, in the order of the schema.
func formOf(schema json.RawMessage) ([]formField, error) {
	var object struct {
		Properties map[string]parameterSchema `json:"properties"`
		Required   []string                   `json:"required"`
	}
	if err := json.Unmarshal(schema, &object); err != nil {
		return nil, fmt.Errorf("the schema cannot be read: %w", err)
	}

	names, err := inOrder(schema)
	if err != nil {
		return nil, err
	}

	fields := make([]formField, 0, len(names))
	for i, name := range names {
		fields = append(
			fields,
			fieldOf(
				name,
				fmt.Sprintf("p%d", i),
				object.Properties[name],
				slices.Contains(object.Required, name),
			),
		)
	}

	return fields, nil
}

// inOrder returns the names of the properties of a schema in their order.
func inOrder(schema json.RawMessage) ([]string, error) {
	var members struct {
		Properties json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(schema, &members); err != nil || len(members.Properties) == 0 {
		return nil, err
	}

	d := json.NewDecoder(bytes.NewReader(members.Properties))
	if _, err := d.Token(); err != nil {
		return nil, err
	}

	var names []string

	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}

		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return nil, err
		}

		names = append(names, fmt.Sprint(name))
	}

	return names, nil
}

// boundless are the bounds of an integer without bounds of its own: the range
// that JSON represents exactly.
var boundless = []json.Number{"-9007199254740991", "9007199254740991"}

func fieldOf(name, id string, p parameterSchema, required bool) formField {
	for _, bound := range []*json.Number{&p.Minimum, &p.Maximum} {
		if slices.Contains(boundless, *bound) {
			*bound = ""
		}
	}

	f := formField{
		Name:     name,
		ID:       id,
		Text:     p.Description,
		Required: required,
		Default:  string(p.Default),
		Pattern:  p.Pattern,
		MinLen:   p.MinLength.String(),
		MaxLen:   p.MaxLength.String(),
		Min:      p.Minimum.String(),
		Max:      p.Maximum.String(),
		Null:     string(p.Default) == "null",
	}
	types := slices.DeleteFunc(slices.Clone(p.Type), func(t string) bool { return t == "null" })

	f.Kind = "json"
	if len(types) == 1 && types[0] != "array" && types[0] != "object" {
		f.Kind = types[0]
	}

	switch {
	case len(p.Enum) > 0 && f.Kind != "json":
		f.Widget = "select"
		for _, v := range p.Enum {
			f.Options = append(f.Options, option{Value: string(v), Text: cmp.Or(shownValue(v), "(empty)")})
		}
	case f.Kind == "integer" || f.Kind == "number":
		f.Widget, f.Step = "number", map[string]string{"integer": "1", "number": "any"}[f.Kind]
	case f.Kind == "boolean" && !f.Null:
		f.Widget = "check"
	case f.Kind == "boolean":
		f.Widget, f.Options = "select", []option{
			{Value: "true", Text: "true"},
			{Value: "false", Text: "false"},
		}
	case f.Kind == "string":
		f.Widget = "text"
	default:
		f.Widget = "json"
	}

	f.hint(p)
	f.set(p.Default)

	return f
}

// hint sets the texts about the default and the bounds.
func (f *formField) hint(p parameterSchema) {
	add := func(format string, values ...json.Number) {
		args := make([]any, len(values))
		for i, v := range values {
			if v == "" {
				return
			}

			args[i] = num(v)
		}

		f.Hints = append(f.Hints, fmt.Sprintf(format, args...))
	}

	switch {
	case p.Minimum != "" && p.Maximum != "":
		add("%s to %s", p.Minimum, p.Maximum)
	default:
		add("at least %s", p.Minimum)
		add("at most %s", p.Maximum)
	}

	add("above %s", p.Above)
	add("below %s", p.Below)
	add("%s characters or more", p.MinLength)
	add("at most %s characters", p.MaxLength)
	add("%s items or more", p.MinItems)
	add("at most %s items", p.MaxItems)

	if p.Format != "" {
		f.Hints = append(f.Hints, "a "+p.Format)
	}

	if f.Widget == "json" {
		f.Hints = append(f.Hints, "written as JSON")
	}

	switch {
	case f.Null:
		f.Hints = append(f.Hints, "empty: none")
	case f.Default != "" && f.Default != `""` && f.Widget != "check":
		f.Hints = append(f.Hints, "usually "+first(60, shownValue(p.Default)))
	}
}

// Hint returns the line below the field.
func (f formField) Hint() string {
	said := slices.Clone(f.Hints)
	if f.Text != "" {
		said = append([]string{f.Text}, said...)
	}

	return strings.Join(said, " · ")
}

// set sets the value of the field from JSON.
func (f *formField) set(v json.RawMessage) {
	f.Value = ""
	if len(v) > 0 && string(v) != "null" {
		f.Value = string(v)
		if f.Kind == "string" && f.Widget != "select" {
			f.Value = shownValue(v)
		}
	}

	for i := range f.Options {
		f.Options[i].Chosen = f.Options[i].Value == string(v)
	}
}

// shownValue returns a value without the quotes of a string.
func shownValue(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil && string(v) != "null" {
		return s
	}

	return string(v)
}

// prefill sets values from the query of the URL. If a name is not a parameter,
// it returns an Error with CodeInvalid.
func prefill(fields []formField, query url.Values, but ...string) error {
	var bad []state.FieldError

	for name, given := range query {
		i := slices.IndexFunc(fields, func(f formField) bool { return f.Name == name })
		if i < 0 {
			if !slices.Contains(but, name) {
				bad = append(bad, state.FieldError{
					Field:   state.Excerpt(name),
					Message: "is not a parameter of this job",
				})
			}

			continue
		}

		f := &fields[i]

		text := given[len(given)-1]
		if f.Kind == "string" {
			quoted, err := json.Marshal(text)
			if err != nil {
				continue
			}

			f.set(quoted)

			continue
		}

		f.set(json.RawMessage(text))
	}

	if len(bad) == 0 {
		return nil
	}

	slices.SortFunc(bad, func(a, b state.FieldError) int { return strings.Compare(a.Field, b.Field) })

	return state.Invalid("web", "The address has an unknown parameter.", bad...)
}

// fillFrom sets values from the parameters of a job.
func fillFrom(fields []formField, parameters json.RawMessage) {
	var values map[string]json.RawMessage
	if json.Unmarshal(parameters, &values) != nil {
		return
	}

	for i := range fields {
		if v, ok := values[fields[i].Name]; ok {
			fields[i].set(v)
		}
	}
}
