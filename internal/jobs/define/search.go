package define

import (
	"encoding/json"
	"reflect"

	"coremachine/internal/state"
)

// maxSearched is the maximum number of searchable parameters of a job.
const maxSearched = 16

// searchable reports whether jobs are found by the value of a field, and notes
// where its tag is wrong.
func (c *compiler) searchable(sf reflect.StructField, s *shape, at string) bool {
	tag, ok := sf.Tag.Lookup("search")
	if !ok {
		return false
	}

	switch kind := s.base().kind; {
	case tag != "true":
		c.problem(at, "the tag search is %q: the only value is true", tag)
	case kind >= kindPointer:
		c.problem(at, "only a string, a number or a boolean can be searchable")
	case len(at) > state.MaxTermPath:
		c.problem(at, "the path is longer than %d bytes, so that it cannot be searchable", state.MaxTermPath)
	default:
		return true
	}

	return false
}

// searchedPaths returns the paths of the searchable fields, through structs.
// Names of nested fields are separated by dots.
func searchedPaths(s *shape) (paths []string) {
	for _, f := range s.fields {
		if f.search {
			paths = append(paths, f.name)
			continue
		}

		base := f.shape.base()
		if base.kind != kindObject {
			continue
		}

		for _, below := range searchedPaths(base) {
			paths = append(paths, f.name+"."+below)
		}
	}

	return paths
}

// Searchable returns the paths of the parameters that jobs are found by, in the
// order of their declaration.
func (j Job) Searchable() []string { return append([]string{}, j.searched...) }

// SearchTerms returns the values of the searchable parameters, as they are
// written in the canonical parameters, strings without their quotes. It leaves
// out null, and values that no filter can have, see state.TermValueProblem.
func (j Job) SearchTerms(p Params) (terms []state.Term) {
	for _, path := range j.searched {
		value, ok := textOf(state.Member(p.Canonical, path))
		if ok && state.TermValueProblem(value) == "" {
			terms = append(terms, state.Term{Name: state.ParamPrefix + path, Value: value})
		}
	}

	return terms
}

// textOf returns a JSON value as text, a string without its quotes.
func textOf(value json.RawMessage) (string, bool) {
	if len(value) == 0 || value[0] != '"' {
		return string(value), len(value) > 0
	}

	var text string

	err := json.Unmarshal(value, &text)

	return text, err == nil
}
