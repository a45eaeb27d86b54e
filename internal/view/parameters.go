package view

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"coremachine/internal/state"
)

// ParameterTexts renders the parameters of jobs for lists.
type ParameterTexts struct {
	types   []state.JobType
	schemas map[string]*Schema // of the types that were looked up; nil: not known
}

// NewParameterTexts returns the texts for jobs of the given types.
func NewParameterTexts(types []state.JobType) *ParameterTexts {
	return &ParameterTexts{types: types, schemas: map[string]*Schema{}}
}

// Of returns the parameters of a job that differ from the defaults of its type,
// as words of a command line. It returns all of them if the type is not known,
// and "…" if a list leaves them out.
func (p *ParameterTexts) Of(job *JobSummary) string {
	if len(job.Parameters) == 0 || string(job.Parameters) == "null" {
		return "…"
	}

	schema, seen := p.schemas[job.JobType]
	if !seen {
		if t, ok := state.FindType(p.types, job.JobType); ok {
			schema, _ = ParseSchema(t.Schema) // nil: all parameters are shown
		}

		p.schemas[job.JobType] = schema
	}

	return strings.Join(Differing(schema, job.Parameters), " ")
}

// Differing returns the parameters that differ from their defaults, as words of
// a command line: n=5, owner.name=bob, 'message=Hello World'. The order is that
// of the schema, and then by name. Without a schema, it returns all parameters.
func Differing(schema *Schema, parameters json.RawMessage) []string {
	var words []string

	differing("", schema, parameters, func(path string, s *Schema, value json.RawMessage) {
		words = append(words, Word(path, s, value))
	})

	return words
}

func differing(
	path string,
	s *Schema,
	object json.RawMessage,
	yield func(path string, s *Schema, value json.RawMessage),
) {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return
	}

	if s == nil {
		s = &Schema{}
	}

	for _, p := range s.Properties {
		value, given := members[p.Name]
		delete(members, p.Name)

		at := path + p.Name

		switch {
		case !given || len(p.Default) > 0 && sameJSON(value, p.Default):
		case p.Kind() == KindGroup && isObject(value):
			below := 0

			differing(at+".", &p.Schema, value, func(path string, s *Schema, value json.RawMessage) {
				below++

				yield(path, s, value)
			})

			if below == 0 && p.Null() { // it is there, with the defaults of its members
				yield(at, nil, json.RawMessage("{}"))
			}
		case p.Kind() == KindMap && len(p.entries(value)) > 0:
			for _, entry := range p.entries(value) {
				yield(at+"."+entry.name, p.values(), entry.value)
			}
		default:
			yield(at, &p.Schema, value)
		}
	}

	for _, name := range slices.Sorted(maps.Keys(members)) { // those of another build
		if value := members[name]; isObject(value) {
			differing(path+name+".", nil, value, yield)
		} else {
			yield(path+name, nil, value)
		}
	}
}

type entry struct {
	name  string
	value json.RawMessage
}

// entries returns the entries of a map by name. It returns nil if they do not
// describe the map: its default has entries too, or a name would be read
// otherwise.
func (s *Schema) entries(value json.RawMessage) (all []entry) {
	var members, byDefault map[string]json.RawMessage
	if json.Unmarshal(value, &members) != nil {
		return nil
	}

	if len(s.Default) > 0 && json.Unmarshal(s.Default, &byDefault) != nil || len(byDefault) > 0 {
		return nil
	}

	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name == "" || strings.Contains(name, "=") {
			return nil
		}

		all = append(all, entry{name, members[name]})
	}

	return all
}

// isObject reports whether a value is an object that has members.
func isObject(value json.RawMessage) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(value, &members) == nil && members != nil
}

// sameJSON compares values. The notation of numbers does not matter.
func sameJSON(a, b json.RawMessage) bool {
	x, xErr := decodeJSON(a)
	y, yErr := decodeJSON(b)

	return xErr == nil && yErr == nil && sameValue(x, y)
}

func decodeJSON(text json.RawMessage) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()

	return v, d.Decode(&v)
}

func sameValue(a, b any) bool {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		return ok && (x == y || sameNumber(x, y))
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, sameValue)
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, sameValue)
	}

	return a == b
}

func sameNumber(a, b json.Number) bool {
	const maxDigits = 40 // a longer number takes long to compare, and is not a default
	if len(a) > maxDigits || len(b) > maxDigits {
		return false
	}

	x, xOK := new(big.Float).SetString(a.String())
	y, yOK := new(big.Float).SetString(b.String())

	return xOK && yOK && x.Cmp(y) == 0
}

// plainWord is a word that a shell passes on unchanged.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_.,:=@%+/-]+$`)

// Word returns a parameter as a word of a command line, quoted for a shell if
// needed. Schema.Body reads it again. A nil schema shows a list as JSON.
func Word(path string, s *Schema, value json.RawMessage) string {
	word := path + "=" + wordValue(s, value)
	if plainWord.MatchString(word) {
		return word
	}

	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func wordValue(s *Schema, value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && string(value) != "null" {
		if s == nil && json.Valid([]byte(text)) { // it would be read as what it looks like
			return string(value)
		}

		return text
	}

	var compact bytes.Buffer
	if json.Compact(&compact, value) != nil {
		return string(value)
	}

	if s == nil || s.Kind() != KindList {
		return compact.String()
	}

	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil || len(items) == 0 {
		return compact.String()
	}

	words := make([]string, len(items))
	for i, item := range items {
		words[i] = wordValue(s.Items, item)

		if words[i] == "" || strings.ContainsAny(words[i], ",[") || words[i] == "null" {
			return compact.String()
		}
	}

	return strings.Join(words, ",")
}
