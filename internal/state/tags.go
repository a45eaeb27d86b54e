package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of run keys, tags and searched parameters.
const (
	MaxRunKey  = 200 // characters, all of them ASCII
	MaxTags    = 16  // of a job
	MaxTagName = 63  // characters, all of them ASCII
	// MaxTermValue is the maximum length of the value of a tag, and of a
	// parameter that jobs are found by, in characters.
	MaxTermValue = 200
	// MaxTermPath is the maximum length of the path of a parameter that jobs are
	// found by, in bytes.
	MaxTermPath = 190
)

// Kinds of terms, as they begin.
const (
	TagPrefix   = "tag."
	ParamPrefix = "param."
)

// Term is what a job is found by: a tag, or a parameter that its type declares
// as searchable. Name is tag.NAME or param.PATH, as in a query of the API.
type Term struct{ Name, Value string }

// ScheduleKeyPrefix begins the run keys of jobs that schedules start. A submit
// cannot use it, because the job of a slot would then exist already.
const ScheduleKeyPrefix = "schedule/"

// ReservedRunKey reports whether only a schedule may start jobs with the key.
func ReservedRunKey(key string) bool { return strings.HasPrefix(key, ScheduleKeyPrefix) }

// RunKeyProblem returns what is wrong with a run key, or "". A key has 1 to
// MaxRunKey visible ASCII characters without quotes and backslashes, so that a
// header and a query carry the same key, with or without quotes around it.
func RunKeyProblem(key string) string {
	switch {
	case key == "":
		return "is empty"
	case len(key) > MaxRunKey:
		return fmt.Sprintf("has %d bytes: a run key has at most %d characters", len(key), MaxRunKey)
	}

	for _, c := range key {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return fmt.Sprintf(
				"%q contains %q: a run key consists of visible ASCII characters, without quotes and backslashes",
				Excerpt(key), c)
		}
	}

	return ""
}

// TagNameProblem returns what is wrong with the name of a tag, or "".
func TagNameProblem(name string) string {
	problem := ""

	for i, c := range name {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("_-./", c)) {
			problem = fmt.Sprintf("%q is not the name of a tag", Excerpt(name))
			break
		}
	}

	if name == "" || len(name) > MaxTagName {
		problem = fmt.Sprintf("the name has %d bytes", len(name))
	}

	if problem == "" {
		return ""
	}

	return fmt.Sprintf("%s: a name has 1 to %d letters and digits, and after the first also _ - . /",
		problem, MaxTagName)
}

// TagValueProblem returns what is wrong with the value of a tag, or "". A value
// is visible text: no control characters, no characters that change the
// direction of text, and no space other than U+0020, and that not at an end.
func TagValueProblem(value string) string {
	if problem := TermValueProblem(value); problem != "" {
		return problem
	}

	for _, c := range value {
		if !unicode.IsPrint(c) {
			return fmt.Sprintf("%q contains %q, which is not visible", Excerpt(value), c)
		}
	}

	if strings.Trim(value, " ") != value {
		return fmt.Sprintf("%q begins or ends with a space", Excerpt(value))
	}

	return ""
}

// TermValueProblem returns why no job can be found by a value, or "".
func TermValueProblem(value string) string {
	switch {
	case value == "":
		return "is empty"
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return "is not text in UTF-8"
	}

	if n := utf8.RuneCountInString(value); n > MaxTermValue {
		return fmt.Sprintf("has %d characters, the maximum is %d", n, MaxTermValue)
	}

	return ""
}

// CheckTags returns an Error with CodeInvalid that names the tags at fault.
func CheckTags(op string, tags map[string]string) error {
	var bad []FieldError

	for _, name := range slices.Sorted(maps.Keys(tags)) {
		problem := TagNameProblem(name)
		if problem == "" {
			problem = TagValueProblem(tags[name])
		}

		if problem != "" {
			bad = append(bad, FieldError{Field: TagPrefix + Excerpt(name), Message: problem})
		}
	}

	if len(tags) > MaxTags {
		bad = append(bad, FieldError{
			Field:   "tags",
			Message: fmt.Sprintf("are %d, the maximum is %d for one job", len(tags), MaxTags),
		})
	}

	if len(bad) == 0 {
		return nil
	}

	return Invalid(op, "the tags are invalid", bad...)
}

// TagTerms returns tags as terms in the order of their names.
func TagTerms(tags map[string]string) []Term {
	terms := make([]Term, 0, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		terms = append(terms, Term{Name: TagPrefix + name, Value: tags[name]})
	}

	return terms
}

// Excerpt returns the beginning of a text for a message.
func Excerpt(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}

	return strings.ToValidUTF8(s, "\uFFFD")
}
