package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"coremachine/internal/state"
)

// NamedValue is a parameter as text, from a word name=value or from the query of
// a form.
type NamedValue struct{ Name, Value string }

// node is a member of the JSON object that Body builds.
type node struct {
	name    string
	schema  *Schema  // nil: not known
	values  []string // as given; empty: the member is an object
	members []*node
}

// Body returns parameters as JSON, in the order in which they are given. Names
// of nested parameters are separated by dots. The values of a list are separated
// by commas, given repeatedly, or a JSON array. The schema of a name determines
// the type of its value: a value of another type becomes a string, so that the
// API reports what is wrong.
func (s *Schema) Body(given []NamedValue) (json.RawMessage, error) {
	top := &node{schema: s}

	for _, one := range given {
		if err := top.add(one); err != nil {
			return nil, err
		}
	}

	var b bytes.Buffer

	top.write(&b)

	return b.Bytes(), nil
}

func (n *node) add(one NamedValue) error {
	path, err := n.schema.path(one.Name)
	if err != nil {
		return err
	}

	for _, name := range path {
		if len(n.values) > 0 {
			return fmt.Errorf("%s: %s is also given as a whole", one.Name, n.name)
		}

		i := slices.IndexFunc(n.members, func(m *node) bool { return m.name == name })
		if i < 0 {
			i = len(n.members)
			n.members = append(n.members, &node{name: name, schema: n.schema.member(name)})
		}

		n = n.members[i]
	}

	switch {
	case len(n.members) > 0:
		return fmt.Errorf("%s: %s.%s is also given", one.Name, one.Name, n.members[0].name)
	case len(n.values) > 0 && !n.schema.list():
		return fmt.Errorf("%s occurs twice", one.Name)
	}

	n.values = append(n.values, one.Value)

	return nil
}

// path returns the names from the parameters to the one of a dotted name. A name
// that the schema does not know is returned whole, so that the API rejects it.
func (s *Schema) path(name string) ([]string, error) {
	head, rest, dotted := strings.Cut(name, ".")
	below := s.member(head)

	if !dotted || s.member(name) != nil || below == nil {
		return []string{name}, nil
	}

	switch {
	case len(below.Properties) > 0:
		names, err := below.path(rest)
		if err != nil {
			return nil, fmt.Errorf("%s.%w", head, err)
		}

		return append([]string{head}, names...), nil
	case below.values() != nil:
		return []string{head, rest}, nil
	case below.list():
		return nil, fmt.Errorf("%s: a list has no names: use %[1]s=VALUE for each item, or a JSON array", head)
	}

	return nil, fmt.Errorf("%s: the type is %s, which has no member %s", head, below.TypeName(), rest)
}

// member returns the schema of a member, or nil.
func (s *Schema) member(name string) *Schema {
	if s == nil {
		return nil
	}

	if p := s.Property(name); p != nil {
		return p
	}

	return s.values()
}

func (s *Schema) list() bool { return s != nil && slices.Contains(s.Type, "array") }

// TypeName returns the type in words: list of integer, string or null.
func (s *Schema) TypeName() string {
	names := slices.Clone(s.Type)
	for i, name := range names {
		switch {
		case name == "array" && s.Items != nil:
			names[i] = "list of " + s.Items.TypeName()
		case name == "object" && s.Kind() == KindMap:
			names[i] = "map of " + s.values().TypeName()
		}
	}

	return strings.Join(names, "|")
}

func (n *node) write(b *bytes.Buffer) {
	if len(n.values) > 0 {
		b.Write(n.schema.literal(n.values))
		return
	}

	b.WriteByte('{')

	for i, m := range n.members {
		if i > 0 {
			b.WriteByte(',')
		}

		b.Write(quoted(m.name))
		b.WriteByte(':')
		m.write(b)
	}

	b.WriteByte('}')
}

// literal returns the JSON of a parameter that is given as texts. Only a list can
// have several.
func (s *Schema) literal(texts []string) []byte {
	var kind state.SchemaTypes
	if s != nil {
		kind = s.Type
	}

	if s.list() && (len(texts) > 1 || texts[0] != "null" || !s.Null()) {
		var items [][]byte
		for _, text := range texts {
			items = append(items, s.itemsOf(text)...)
		}

		return append(append([]byte("["), bytes.Join(items, []byte(","))...), ']')
	}

	text := texts[0]
	valid := json.Valid([]byte(text))

	switch {
	case slices.Contains(kind, "string") && (text != "null" || !s.Null()):
		return quoted(text)
	case valid && (len(kind) > 0 || !strings.HasPrefix(text, `"`)):
		return []byte(text)
	}

	return quoted(text)
}

// itemsOf returns the items that one text adds to a list.
func (s *Schema) itemsOf(text string) (items [][]byte) {
	var array []json.RawMessage
	if strings.HasPrefix(text, "[") && json.Unmarshal([]byte(text), &array) == nil {
		for _, item := range array {
			items = append(items, item)
		}

		return items
	}

	if text == "" {
		return nil
	}

	parts := []string{text}
	if s.Kind() == KindList || s.Items == nil {
		parts = strings.Split(text, ",")
	}

	for _, part := range parts {
		items = append(items, s.Items.literal([]string{part}))
	}

	return items
}

// quoted returns a JSON string without HTML escapes.
func quoted(text string) []byte {
	var b bytes.Buffer

	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)

	if err := enc.Encode(text); err != nil {
		return []byte(`""`)
	}

	return bytes.TrimSpace(b.Bytes())
}
