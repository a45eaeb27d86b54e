package apidoc

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Doc is the description of an API.
type Doc struct {
	Title, Version, Text string
	Base                 string // path before the path of every operation
	Groups               []Group
	Shapes               []Shape
}

// Group holds operations that belong together.
type Group struct {
	Name, Text string
	Operations []Operation
}

// Operation is a method of a path.
type Operation struct {
	ID, Method, Path    string // the path as a client writes it, including the base
	Summary, Text       string
	Open                bool // the operation needs no key
	Parameters          []Field
	Body                *Type
	BodyText            string
	Answers             []Answer
	Example             string // the path with valid example values
	SendsJSON, IsStream bool
	base                int // length of the base in Path
}

// Short returns the path below the base.
func (o Operation) Short() string { return o.Path[o.base:] }

// Answer is one possible answer of an operation.
type Answer struct {
	Status, Text string // statuses with the same answer are combined
	Media        string // empty if there is no body
	Type         Type
	Headers      []Field
}

// like reports whether two answers differ only in their status.
func (a Answer) like(b Answer) bool {
	return a.Text == b.Text && a.Media == b.Media && a.Type.String() == b.Type.String() &&
		slices.Equal(names(a.Headers), names(b.Headers))
}

func names(fields []Field) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Name
	}

	return all
}

// Shape is a named schema.
type Shape struct {
	Name, Text string
	Type       Type // type of a shape without fields
	Fields     []Field
}

// Field is a parameter, or a field of an object, named by its path in the
// object.
type Field struct {
	Name, In, Text string
	Required       bool
	Type           Type
}

// Type describes the possible values, in words and the names of shapes.
type Type struct{ Words []Word }

// Word is a text, or the name of a shape.
type Word struct {
	Text  string
	Shape bool
}

// String returns the type as text.
func (t Type) String() string {
	var b strings.Builder
	for _, w := range t.Words {
		b.WriteString(w.Text)
	}

	return b.String()
}

// methods is the order of the operations of one path.
var methods = []string{"get", "post", "put", "patch", "delete"}

// Read parses a description.
func Read(text []byte) (doc Doc, err error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return Doc{}, fmt.Errorf("the description is not YAML: %w", err)
	}

	if len(root.Content) != 1 {
		return Doc{}, fmt.Errorf("the description holds %d documents", len(root.Content))
	}

	defer func() {
		if p := recover(); p != nil {
			bad, ok := p.(broken)
			if !ok {
				panic(p)
			}

			doc, err = Doc{}, bad
		}
	}()

	r := reader{root: node{root.Content[0]}}

	return r.doc(), nil
}

// broken is an error in a description. As a panic, it ends the reading.
type broken string

func (b broken) Error() string { return string(b) }

type reader struct{ root node }

func (r reader) doc() Doc {
	info := r.root.at("info")

	d := Doc{Title: info.text("title"), Version: info.text("version"), Text: prose(info.text("description"))}
	for _, s := range r.root.at("servers").items() {
		d.Base = s.text("url")
	}

	for _, tag := range r.root.at("tags").items() {
		d.Groups = append(d.Groups, Group{Name: tag.text("name"), Text: tag.text("description")})
	}

	for path, item := range r.root.at("paths").pairs() {
		for _, method := range methods {
			if op := item.at(method); op.Node != nil {
				one := r.operation(d.Base, path, method, op)

				i := slices.IndexFunc(d.Groups, func(g Group) bool { return g.Name == op.at("tags").first() })
				if i < 0 {
					panic(broken(fmt.Sprintf("%s %s has no tag that is described", method, path)))
				}

				d.Groups[i].Operations = append(d.Groups[i].Operations, one)
			}
		}
	}

	for name, schema := range r.root.at("components").at("schemas").pairs() {
		d.Shapes = append(d.Shapes, r.shape(name, schema))
	}

	return d
}

func (r reader) operation(base, path, method string, n node) Operation {
	op := Operation{
		ID: n.text(
			"operationId",
		),
		Method:  strings.ToUpper(method),
		Path:    base + path,
		Summary: n.text("summary"),
		Text:    prose(n.text("description")),
		Example: base + path,
		base:    len(base),
	}
	if security := n.at("security"); security.Node != nil {
		op.Open = len(security.items()) == 0
	}

	for _, p := range n.at("parameters").items() {
		p = r.resolve(p)
		schema := r.resolve(p.at("schema"))

		op.Parameters = append(op.Parameters, Field{
			Name: p.text(
				"name",
			),
			In:       p.text("in"),
			Text:     p.text("description"),
			Required: p.text("required") == "true",
			Type:     r.typeOf(p.at("schema")),
		})
		if p.text("in") == "path" {
			op.Example = strings.ReplaceAll(
				op.Example,
				"{"+p.text("name")+"}",
				example(p.text("name"), schema),
			)
		}
	}

	if body := n.at("requestBody"); body.Node != nil {
		for _, media := range body.at("content").pairs() {
			t := r.typeOf(media.at("schema"))
			op.Body, op.BodyText, op.SendsJSON = &t, body.text("description"), true
		}
	}

	for status, answer := range n.at("responses").pairs() {
		answer = r.resolve(answer)

		a := Answer{Status: status, Text: answer.text("description")}
		for media, content := range answer.at("content").pairs() {
			a.Media, a.Type = media, r.typeOf(content.at("schema"))
			op.IsStream = op.IsStream || media == "text/event-stream"
		}

		for name, header := range answer.at("headers").pairs() {
			header = r.resolve(header)
			a.Headers = append(a.Headers, Field{Name: name, Text: header.text("description")})
		}

		if n := len(op.Answers); n > 0 && op.Answers[n-1].like(a) {
			op.Answers[n-1].Status += ", " + a.Status
			continue
		}

		op.Answers = append(op.Answers, a)
	}

	return op
}

// example returns a value for a path parameter that the API accepts.
func example(name string, schema node) string {
	switch {
	case schema.at("enum").Node != nil:
		return schema.at("enum").items()[len(schema.at("enum").items())/2].Value
	case schema.text("type") == "integer":
		return "0"
	case strings.Contains(schema.text("pattern"), "{64}"):
		return "$JOB"
	}

	return strings.ToUpper("$" + strings.TrimPrefix(name, "job_"))
}

// prose joins the lines of a wrapped text.
func prose(s string) string { return strings.Join(strings.Fields(s), " ") }
