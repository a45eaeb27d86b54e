package apidoc

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// node is a node of the description. The zero value is a missing node.
type node struct{ *yaml.Node }

func (n node) at(name string) node {
	for key, value := range n.pairs() {
		if key == name {
			return value
		}
	}

	return node{}
}

func (n node) text(name string) string {
	if v := n.at(name); v.Node != nil {
		return v.Value
	}

	return ""
}

func (n node) first() string {
	for _, item := range n.items() {
		return item.Value
	}

	return ""
}

func (n node) items() []node {
	if n.Node == nil || n.Kind != yaml.SequenceNode {
		return nil
	}

	all := make([]node, len(n.Content))
	for i, c := range n.Content {
		all[i] = node{c}
	}

	return all
}

// pairs returns the keys of a mapping with their values, in order.
func (n node) pairs() iter.Seq2[string, node] {
	return func(yield func(string, node) bool) {
		if !n.keyed() {
			return
		}

		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, node{n.Content[i+1]}) {
				return
			}
		}
	}
}

// resolve follows a reference.
func (r reader) resolve(n node) node {
	ref := n.text("$ref")
	if ref == "" {
		return n
	}

	to := r.root
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		to = to.at(part)
	}

	if to.Node == nil {
		panic(broken("no value at " + ref))
	}

	return to
}

// known lists the keywords of a schema that the page shows, or that are of no
// interest to a reader.
var known = []string{
	"$ref",
	"additionalProperties",
	"allOf",
	"default",
	"description",
	"enum",
	"example",
	"format",
	"items",
	"maxItems",
	"maxLength",
	"maxProperties",
	"maximum",
	"minItems",
	"minLength",
	"minimum",
	"nullable",
	"pattern",
	"properties",
	"required",
	"type",
}

func check(n node) {
	for key := range n.pairs() {
		if !slices.Contains(known, key) {
			panic(broken(fmt.Sprintf("line %d: the keyword %s is not shown by the reference", n.Line, key)))
		}
	}
}

func say(format string, args ...any) Type { return Type{[]Word{{Text: fmt.Sprintf(format, args...)}}} }

func (t Type) then(more ...Word) Type { return Type{append(slices.Clone(t.Words), more...)} }

// typeOf describes what a schema allows.
func (r reader) typeOf(n node) Type {
	check(n)

	if ref := n.text("$ref"); ref != "" {
		r.resolve(n)
		return Type{[]Word{{Text: ref[strings.LastIndex(ref, "/")+1:], Shape: true}}}
	}

	if all := n.at("allOf").items(); len(all) > 0 {
		return r.allOf(all)
	}

	t := r.plain(n)
	if n.text("nullable") == "true" {
		t = t.then(Word{Text: " or null"})
	}

	return t.then(Word{Text: limits(n)})
}

func (r reader) plain(n node) Type {
	switch kind := n.text("type"); {
	case n.at("enum").Node != nil:
		var words []string
		for _, one := range n.at("enum").items() {
			words = append(words, one.Value)
		}

		return say("%s", strings.Join(words, " | "))
	case kind == "array":
		return Type{append([]Word{{Text: "list of "}}, r.typeOf(n.at("items")).Words...)}
	case kind == "object" && n.at("additionalProperties").keyed():
		return Type{append([]Word{{Text: "object of "}}, r.typeOf(n.at("additionalProperties")).Words...)}
	case kind == "":
		return say("any value")
	default:
		return say("%s", kind)
	}
}

// keyed reports whether the node is a mapping.
func (n node) keyed() bool { return n.Node != nil && n.Kind == yaml.MappingNode }

// allOf describes a page of items, or a shape with additional fields.
func (r reader) allOf(all []node) Type {
	t := r.typeOf(all[0])
	for _, more := range all[1:] {
		check(more)

		if items := more.at("properties").at("items").at("items"); items.Node != nil && t.String() == "Page" {
			t = t.then(Word{Text: " of "}).then(r.typeOf(items).Words...)
			continue
		}

		var names []string
		for name := range more.at("properties").pairs() {
			names = append(names, name)
		}

		t = t.then(Word{Text: " with " + strings.Join(names, ", ")})
	}

	return t
}

// limits describes restrictions beyond the type.
func limits(n node) string {
	var said []string

	add := func(format, key string) {
		if v := n.text(key); v != "" {
			said = append(said, fmt.Sprintf(format, v))
		}
	}
	add("%s", "format")
	add("matches %s", "pattern")
	add("from %s", "minimum")
	add("to %s", "maximum")
	add("at least %s long", "minLength")
	add("at most %s long", "maxLength")
	add("at least %s", "minItems")
	add("at most %s", "maxItems")
	add("at most %s members", "maxProperties")
	add("usually %s", "default")
	add("such as %s", "example")

	if len(said) == 0 {
		return ""
	}

	return ", " + strings.Join(said, ", ")
}

func (r reader) shape(name string, n node) Shape {
	check(n)
	s := Shape{Name: name, Text: n.text("description"), Type: r.typeOf(n)}

	parts := []node{n}
	if all := n.at("allOf").items(); len(all) > 0 {
		parts = all[1:]
		s.Type = r.typeOf(all[0])
	}

	for _, part := range parts {
		s.Fields = append(s.Fields, r.fields("", part)...)
	}

	return s
}

// fields lists the fields of an object. The fields of nested objects without a
// name follow by their path.
func (r reader) fields(prefix string, n node) []Field {
	var required []string
	for _, one := range n.at("required").items() {
		required = append(required, one.Value)
	}

	var all []Field

	for name, schema := range n.at("properties").pairs() {
		f := Field{
			Name:     prefix + name,
			Text:     schema.text("description"),
			Required: slices.Contains(required, name),
			Type:     r.typeOf(schema),
		}
		all = append(all, f)

		inside, path := schema, f.Name+"."
		if schema.text("type") == "array" {
			inside, path = schema.at("items"), f.Name+"[]."
		} else if more := schema.at("additionalProperties"); more.keyed() {
			inside, path = more, f.Name+".*."
		}

		all = append(all, r.fields(path, inside)...)
	}

	return all
}
