package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// TermPrefixes are the families of parameters that name tags and searchable
// parameters of jobs: tag.NAME=VALUE and param.PATH=VALUE.
var TermPrefixes = []string{state.TagPrefix, state.ParamPrefix}

// keyHeader carries a run key, as the parameter key does.
const keyHeader = "Idempotency-Key"

// runKey reads the run key of a submit, which the header, the parameter, or both
// carry. Quotes around a header belong to the notation of structured fields
// (RFC 9651), and not to the key.
func (q *query) runKey(header http.Header) string {
	key, sent := q.text("key"), header.Values(keyHeader)
	if q.values.Has("key") && key != "" {
		if problem := state.RunKeyProblem(key); problem != "" {
			q.wrong("key", "%s", problem)
		}
	}

	if len(sent) == 0 {
		return key
	}

	name := strings.TrimSpace(sent[0])
	if inner, ok := strings.CutPrefix(name, `"`); ok && len(name) > 1 && strings.HasSuffix(inner, `"`) {
		name = strings.TrimSuffix(inner, `"`)
	}

	switch problem := state.RunKeyProblem(name); {
	case len(sent) > 1:
		q.wrong(keyHeader, "occurs %d times", len(sent))
	case problem != "":
		q.wrong(keyHeader, "%s", problem)
	case q.values.Has("key") && key != name:
		q.wrong("key", "%q differs from the header %s, which is %q: send one of them, or the same key in both",
			state.Excerpt(key), keyHeader, state.Excerpt(name))
	}

	return name
}

// tags reads the tags of a submit; nil if there are none.
func (q *query) tags() (tags map[string]string) {
	for _, term := range q.termsOf(state.TagPrefix, func(name, value string) string {
		if problem := state.TagNameProblem(name); problem != "" {
			return problem
		}

		return state.TagValueProblem(value)
	}) {
		if tags == nil {
			tags = map[string]string{}
		}

		tags[strings.TrimPrefix(term.Name, state.TagPrefix)] = term.Value
	}

	if len(tags) > state.MaxTags {
		q.wrong("tags", "are %d, the maximum is %d for one job", len(tags), state.MaxTags)
	}

	return tags
}

// terms reads the tags and parameters that a list is filtered by.
func (q *query) terms() []state.Term {
	terms := q.termsOf(state.TagPrefix, func(name, value string) string {
		if problem := state.TagNameProblem(name); problem != "" {
			return problem
		}

		return state.TermValueProblem(value)
	})

	terms = append(terms, q.termsOf(state.ParamPrefix, func(path, value string) string {
		if path == "" || len(path) > state.MaxTermPath || strings.Trim(path, pathLetters) != "" {
			return "is not the path of a parameter, for example param.n or param.filter.prefix"
		}

		return state.TermValueProblem(value)
	})...)

	if len(terms) > state.MaxTags {
		q.wrong("tags", "and parameters to filter by are %d, the maximum is %d", len(terms), state.MaxTags)
	}

	return terms
}

const pathLetters = "abcdefghijklmnopqrstuvwxyz0123456789_."

// termsOf reads the parameters of a family in the order of their names. check
// returns what is wrong with the rest of a name, or with a value.
func (q *query) termsOf(prefix string, check func(name, value string) string) (terms []state.Term) {
	names := make([]string, 0, len(q.values))

	for name := range q.values {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}

	slices.Sort(names)

	for _, name := range names {
		bad := len(q.bad)

		value := q.text(name)
		if len(q.bad) > bad {
			q.bad[bad].Field = state.Excerpt(name)
			continue
		}

		if problem := check(strings.TrimPrefix(name, prefix), value); problem != "" {
			q.wrong(state.Excerpt(name), "%s", problem)
			continue
		}

		terms = append(terms, state.Term{Name: name, Value: value})
	}

	return terms
}

// CheckSearch rejects a filter by parameters that no job type declares as
// searchable, or not the type of the filter: no job would be found, although
// there can be jobs with the value.
func CheckSearch(f view.JobFilter, types []coremachine.JobType) error {
	q := &query{}

	for _, term := range f.Terms {
		path, ok := strings.CutPrefix(term.Name, state.ParamPrefix)
		if !ok {
			continue
		}

		var known []string

		for _, t := range types {
			if f.Type == "" || f.Type == t.Name {
				known = append(known, t.Searchable...)
			}
		}

		slices.Sort(known)

		if slices.Contains(known, path) {
			continue
		}

		of := "no job type declares"
		if f.Type != "" {
			of = "the job type " + state.Excerpt(f.Type) + " does not declare"
		}

		said := "there are none"
		if len(known) > 0 {
			said = "searchable parameters: " + strings.Join(slices.Compact(known), ", ")
		}

		q.wrong(state.Excerpt(term.Name), "%s this parameter as searchable; %s", of, said)
	}

	return q.err()
}

// editTags sets and removes tags. The body is a JSON merge patch (RFC 7396).
func (a *API) editTags(w http.ResponseWriter, r *http.Request) {
	id, ok := a.target(w, r)
	if !ok {
		return
	}

	text, err := body(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	changes, err := readTagChanges(text)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	tags, err := a.Engine.EditTags(r.Context(), id, changes, by(r))
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.JobWatcher.Nudge(id)
	a.ok(w, r, view.JobTags{JobID: id, Tags: tags})
}

// maxTagChanges bounds the members of one change: all tags of a job may be
// replaced by others.
const maxTagChanges = 2 * state.MaxTags

// errTagChanges describes the body of a change of tags.
var errTagChanges = errors.New(`it is not one JSON object of strings, for example {"env": "prod", "old": null}`)

// readTagChanges reads an object of strings, and null for tags to remove. A name
// that occurs twice is an error. It stops at the first member that is wrong, and
// after maxTagChanges.
func readTagChanges(text []byte) (map[string]*string, error) {
	const op = "api.readTagChanges"

	changes := map[string]*string{}
	in := jsontext.NewDecoder(bytes.NewReader(text))

	malformed := func(err error) error {
		return state.Wrap(state.CodeMalformed, op, fmt.Sprintf(
			"The body cannot be read at byte %d: %v.", in.InputOffset(), errTagChanges), err)
	}

	if open, err := in.ReadToken(); err != nil || open.Kind() != '{' {
		return nil, malformed(err)
	}

	for in.PeekKind() == '"' {
		if len(changes) == maxTagChanges {
			return nil, state.Invalid(op, "The change is too large.", state.FieldError{
				Field: "tags", Message: fmt.Sprintf("that change are more than %d", maxTagChanges),
			})
		}

		name, err := in.ReadToken()
		if err != nil {
			return nil, malformed(err)
		}

		key := name.String()

		value, err := in.ReadToken()
		if err != nil {
			return nil, malformed(err)
		}

		switch value.Kind() { //nolint:exhaustive // the other kinds are refused
		case 'n':
			changes[key] = nil
		case '"':
			v := value.String()
			changes[key] = &v
		default:
			return nil, state.Invalid(op, "The tags are invalid.", state.FieldError{
				Field:   state.TagPrefix + state.Excerpt(key),
				Message: "is not a string, or null to remove the tag",
			})
		}
	}

	if _, err := in.ReadToken(); err != nil {
		return nil, malformed(err)
	}

	if _, err := in.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, malformed(err)
	}

	return changes, nil
}
