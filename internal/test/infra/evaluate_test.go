package infra

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
)

// reference is a value that only Azure knows, such as an address.
type reference string

// resource is a resource as a deployment would send it.
type resource struct {
	file, symbol, typ, version string
	line                       int
	body                       map[string]any
}

// name is the name of the resource, with references in angle brackets.
func (r *resource) name() string { return text(r.body["name"]) }

// at returns the value at a path such as "properties.sku.name", or nil.
func (r *resource) at(keys string) any { return at(r.body, keys) }

func at(v any, keys string) any {
	for key := range strings.SplitSeq(keys, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}

		v = m[key]
	}

	return v
}

type parsed struct {
	statements []statement
	err        error
}

// templates caches the parsed templates by their content.
var templates sync.Map

func parse(source string) ([]statement, error) {
	if known, ok := templates.Load(source); ok {
		p, _ := known.(parsed)
		return p.statements, p.err
	}

	statements, err := read(source)
	templates.Store(source, parsed{statements, err})

	return statements, err
}

// deployment evaluates the templates with parameters.
type deployment struct {
	files     map[string]string // the content of each file below infra
	params    map[string]any
	resources []*resource
	problems  []string
}

// module is the evaluation of one template.
type module struct {
	*deployment
	file    string
	values  map[string]any
	outputs map[string]any
}

func deploy(files map[string]string, params map[string]any) *deployment {
	d := &deployment{files: files, params: params}
	d.module("main.bicep", params)

	return d
}

func (d *deployment) problem(format string, args ...any) {
	if p := fmt.Sprintf(format, args...); !slices.Contains(d.problems, p) {
		d.problems = append(d.problems, p)
	}
}

func (d *deployment) module(file string, params map[string]any) *module {
	m := &module{deployment: d, file: file, values: map[string]any{}, outputs: map[string]any{}}

	statements, err := parse(d.files[file])
	if err != nil {
		d.problem("%s: %v", file, err)
		return m
	}

	d.checkNames(file, statements)

	known := map[string]bool{}

	for _, s := range statements {
		if s.kind == "param" {
			known[s.name] = true
			m.param(s, params)
		}
	}

	for name := range params {
		if !known[name] {
			d.problem("%s: there is no param %s", file, name)
		}
	}

	for _, s := range statements {
		m.declare(s)
	}

	return m
}

func (m *module) param(s statement, params map[string]any) {
	v, given := params[s.name]

	switch {
	case !given && s.value == nil:
		m.problem("%s: param %s is missing", m.file, s.name)
	case !given:
		v = m.eval(s.value)
	}

	types := map[string]string{"string": "string", "int": "int", "bool": "bool", "object": "map[string]interface {}"}

	want := types[s.typ]
	if got := fmt.Sprintf("%T", v); given && got != want && got != "infra.reference" {
		m.problem("%s: param %s is %s, want %s", m.file, s.name, got, want)
	}

	m.values[s.name] = v
}

func (m *module) declare(s statement) {
	switch s.kind {
	case "var":
		m.values[s.name] = m.eval(s.value)
	case "output":
		m.outputs[s.name] = m.eval(s.value)
	case "module":
		n, on := m.condition(s.value)
		if !on {
			return
		}

		body, _ := m.eval(n).(map[string]any)
		params, _ := body["params"].(map[string]any)
		m.values[s.name] = m.module(path.Join(path.Dir(m.file), s.typ), params)
	case "resource", "existing":
		m.resource(s)
	}
}

// condition returns the object of a declaration and whether it is deployed.
func (m *module) condition(n *node) (*node, bool) {
	if n.kind != "if" {
		return n, true
	}

	on, _ := m.eval(n.args[0]).(bool)

	return n.args[1], on
}

func (m *module) resource(s statement) {
	typ, version, _ := strings.Cut(s.typ, "@")

	one := func(n *node, symbol string) any {
		n, on := m.condition(n)
		if !on {
			return nil
		}

		body, ok := m.eval(n).(map[string]any)
		if !ok {
			m.problem("%s:%d: %s is not an object", m.file, s.line, s.name)
		}

		r := &resource{file: m.file, symbol: symbol, typ: typ, version: version, line: s.line, body: body}
		if s.kind == "resource" {
			m.resources = append(m.resources, r)
		}

		return r
	}

	if s.value.kind != "for" {
		m.values[s.name] = one(s.value, s.name)
		return
	}

	i := -1
	m.values[s.name] = m.loop(s.value, func(n *node) any {
		i++
		return one(n, fmt.Sprintf("%s[%d]", s.name, i))
	})
}

func (m *module) loop(n *node, body func(*node) any) []any {
	items, ok := m.eval(n.args[0]).([]any)
	if !ok {
		m.problem("%s:%d: the loop is not over an array", m.file, n.line)
	}

	outer := m.values

	defer func() { m.values = outer }()

	all := []any{}

	for i, item := range items {
		m.values = maps.Clone(outer)

		m.values[n.text] = item
		if len(n.keys) > 0 {
			m.values[n.keys[0].text] = i
		}

		all = append(all, body(n.args[1]))
	}

	return all
}

// text renders a value inside a string.
func text(v any) string {
	switch v := v.(type) {
	case reference:
		return "<" + string(v) + ">"
	case nil:
		return ""
	}

	return fmt.Sprint(v)
}
