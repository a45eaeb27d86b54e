package define

import (
	"encoding/json"
	"reflect"
	"strings"

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
func searchedPaths(s *shape) (paths [][]string) {
	for _, f := range s.fields {
		if f.search {
			paths = append(paths, []string{f.name})
			continue
		}

		base := f.shape.base()
		if base.kind != kindObject {
			continue
		}

		for _, below := range searchedPaths(base) {
			paths = append(paths, append([]string{f.name}, below...))
		}
	}

	return paths
}

// Searchable returns the paths of the parameters that jobs are found by, in the
// order of their declaration.
func (j Job) Searchable() []string {
	paths := make([]string, len(j.searched))
	for i, path := range j.searched {
		paths[i] = strings.Join(path, ".")
	}

	return paths
}

// SearchTerms returns the values of the searchable parameters, as they are
// written in the canonical parameters, strings without their quotes. It leaves
// out null, and values that no filter can have, see state.TermValueProblem.
func (j Job) SearchTerms(p Params) (terms []state.Term) {
	for _, path := range j.searched {
		value, ok := valueAt(p.Canonical, path)
		if ok && state.TermValueProblem(value) == "" {
			terms = append(terms, state.Term{Name: state.ParamPrefix + strings.Join(path, "."), Value: value})
		}
	}

	return terms
}

// valueAt returns the text of a value within JSON.
func valueAt(text json.RawMessage, path []string) (string, bool) {
	for _, name := range path {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(text, &object); err != nil {
			return "", false
		}

		text = object[name]
	}

	if len(text) > 0 && text[0] == '"' {
		var value string

		err := json.Unmarshal(text, &value)

		return value, err == nil
	}

	return string(text), len(text) > 0 && string(text) != "null"
}
