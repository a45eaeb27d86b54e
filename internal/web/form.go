package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// formField is the input field for one parameter of a job, or the group of the
// fields of an object.
type formField struct {
	Name     string // path, names separated by dots
	ID       string // id of its element
	Widget   string // number, text, select, check, lines, json or group
	Kind     string // see view.Schema.Kind
	Items    string // kind of the items of a list
	Hints    []string
	Text     string // description
	Value    string // initial value: the default, or a value from the URL
	Default  string // default as JSON; empty if there is none
	Required bool
	Null     bool // an empty field means null, which is the default
	Set      bool // of a group that may be null: it is not
	Options  []option
	Min, Max string
	Step     string
	MinLen   string
	MaxLen   string
	Pattern  string
	Fields   []formField // of a group
}

type option struct {
	Value, Text string // Value is JSON
	Chosen      bool
}

// formOf returns the fields of a form for the schema of a job's parameters, in
// the order of the schema.
func formOf(s *view.Schema) []formField {
	ids := 0

	return fieldsOf(s, "", &ids)
}

func fieldsOf(s *view.Schema, path string, ids *int) []formField {
	fields := make([]formField, 0, len(s.Properties))
	for _, p := range s.Properties {
		id := fmt.Sprintf("p%d", *ids)
		*ids++

		f := fieldOf(path+p.Name, id, p.Schema, slices.Contains(s.Required, p.Name))
		if f.Widget == "group" {
			f.Fields = fieldsOf(&p.Schema, f.Name+".", ids)
		}

		fields = append(fields, f)
	}

	return fields
}

// find returns the field of a name, or nil.
func find(fields []formField, name string) *formField {
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}

		if found := find(fields[i].Fields, name); found != nil {
			return found
		}
	}

	return nil
}

func fieldOf(name, id string, p view.Schema, required bool) formField {
	f := formField{
		Name:     name,
		ID:       id,
		Text:     p.Description,
		Required: required,
		Pattern:  p.Pattern,
		MinLen:   p.MinLength.String(),
		MaxLen:   p.MaxLength.String(),
		Min:      p.Minimum.String(),
		Max:      p.Maximum.String(),
		Null:     string(p.Default) == "null",
		Kind:     p.Kind(),
		Default:  compact(p.Default),
	}

	switch {
	case f.Kind == view.KindGroup:
		f.Widget = "group"
	case f.Kind == view.KindList:
		f.Widget, f.Items = "lines", p.Items.Kind()
	case f.Kind == view.KindMap || f.Kind == view.KindJSON:
		f.Widget, f.Kind = "json", view.KindJSON
	case len(p.Enum) > 0:
		f.Widget = "select"
		for _, v := range p.Enum {
			f.Options = append(f.Options, option{Value: string(v), Text: cmp.Or(shownValue(v), "(empty)")})
		}
	case f.Kind == view.KindInteger || f.Kind == view.KindNumber:
		f.Widget, f.Step = "number", map[string]string{"integer": "1", "number": "any"}[f.Kind]
	case f.Kind == view.KindBoolean && !f.Null:
		f.Widget = "check"
	case f.Kind == view.KindBoolean:
		f.Widget, f.Options = "select", []option{
			{Value: "true", Text: "true"},
			{Value: "false", Text: "false"},
		}
	default:
		f.Widget = "text"
	}

	f.hint(p)
	f.set(p.Default)

	return f
}

// compact returns JSON without spaces, as the script writes values.
func compact(v json.RawMessage) string {
	var b bytes.Buffer
	if len(v) > 0 && json.Compact(&b, v) == nil {
		return b.String()
	}

	return string(v)
}

// boundHints returns the texts about the bounds of a value.
func boundHints(p view.Schema) (hints []string) {
	add := func(format string, values ...json.Number) {
		args := make([]any, len(values))
		for i, v := range values {
			if v == "" {
				return
			}

			args[i] = num(v)
		}

		hints = append(hints, fmt.Sprintf(format, args...))
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
		hints = append(hints, "a "+p.Format)
	}

	return hints
}

// hint sets the texts about the default and the bounds.
func (f *formField) hint(p view.Schema) {
	f.Hints = boundHints(p)

	switch f.Widget {
	case "json":
		f.Hints = append(f.Hints, "written as JSON")
	case "lines":
		f.Hints = append(f.Hints, "one value on each line")
		f.Hints = append(f.Hints, eachHints(*p.Items)...)
	}

	switch {
	case f.Null && f.Widget == "group":
		f.Hints = append(f.Hints, "usually none")
	case f.Null:
		f.Hints = append(f.Hints, "empty: none")
	case f.Default != "" && f.Default != `""` && f.Widget != "check":
		f.Hints = append(f.Hints, "usually "+first(60, shownValue(p.Default)))
	}
}

// eachHints returns the texts about the items of a list.
func eachHints(item view.Schema) (hints []string) {
	for _, text := range boundHints(item) {
		hints = append(hints, "each "+text)
	}

	if len(item.Enum) > 0 {
		names := make([]string, len(item.Enum))
		for i, v := range item.Enum {
			names[i] = cmp.Or(shownValue(v), "(empty)")
		}

		hints = append(hints, "each one of "+strings.Join(names, ", "))
	}

	return hints
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
	given := len(v) > 0 && string(v) != "null"

	switch {
	case f.Widget == "group":
		f.Set = given
		fillFrom(f.Fields, v)
	case f.Widget == "lines" && given:
		f.setLines(v)
	case given && (f.Widget == "text" || f.Widget == "number"):
		f.Value = shownValue(v)
	case given:
		f.Value = string(v)
	}

	for i := range f.Options {
		f.Options[i].Chosen = f.Options[i].Value == string(v)
	}
}

// setLines sets the items of a list, one on each line. A list with an item that
// is not a line is edited as JSON.
func (f *formField) setLines(v json.RawMessage) {
	var items []json.RawMessage

	err := json.Unmarshal(v, &items)
	lines := make([]string, len(items))

	for i, item := range items {
		lines[i] = shownValue(item)
		if strings.TrimSpace(lines[i]) == "" || strings.ContainsAny(lines[i], "\r\n") {
			err = errNoLine
		}
	}

	if err != nil {
		f.Widget, f.Kind, f.Value = "json", view.KindJSON, string(v)
		return
	}

	f.Value = strings.Join(lines, "\n")
}

var errNoLine = errors.New("an item is not a line")

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
func prefill(fields []formField, s *view.Schema, query url.Values) error {
	var (
		bad   []state.FieldError
		given []view.NamedValue
	)

	for _, name := range slices.Sorted(maps.Keys(query)) {
		f := find(fields, name)
		if f == nil {
			bad = append(bad, state.FieldError{
				Field:   state.Excerpt(name),
				Message: "is not a parameter of this job",
			})

			continue
		}

		values := query[name]
		if f.Widget != "lines" {
			values = values[len(values)-1:]
		}

		for _, value := range values {
			given = append(given, view.NamedValue{Name: name, Value: value})
		}
	}

	if len(bad) > 0 {
		return state.Invalid("web", "The address has an unknown parameter.", bad...)
	}

	body, err := s.Body(given)
	if err != nil {
		return state.Invalid("web", "The address is invalid.",
			state.FieldError{Field: "query", Message: err.Error()})
	}

	fillFrom(fields, body)

	return nil
}

// fillFrom sets values from the parameters of a job, or from the members of one
// of them.
func fillFrom(fields []formField, parameters json.RawMessage) {
	var values map[string]json.RawMessage
	if json.Unmarshal(parameters, &values) != nil {
		return
	}

	for i := range fields {
		name := fields[i].Name
		if v, ok := values[name[strings.LastIndexByte(name, '.')+1:]]; ok {
			fields[i].set(v)
		}
	}
}
