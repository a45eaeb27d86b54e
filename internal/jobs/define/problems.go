package define

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"coremachine/internal/state"
)

// maxReported is the number of problems at which checking of parameters ends.
const maxReported = 500

type problem struct {
	at      []step
	message string
}

// problems collects what is wrong with parameters, in the order in which it was
// found, until it is full.
type problems struct {
	list  []problem
	known map[string]bool // names of the fields in the list
	full  bool            // a further problem was found that is not in the list
}

func (p *problems) add(at []step, message string) {
	if len(p.list) == maxReported {
		p.full = true
		return
	}

	if p.known == nil {
		p.known = map[string]bool{}
	}

	p.known[fieldName(at)] = true
	p.list = append(p.list, problem{slices.Clone(at), message})
}

// join adds problems that were found below a path.
func (p *problems) join(at []step, below problems) {
	for _, b := range below.list {
		p.add(slices.Concat(at, b.at), b.message)
	}

	p.full = p.full || below.full
}

// covers reports whether something was found at a path or above it.
func (p *problems) covers(at []step) bool {
	if len(p.known) == 0 {
		return false
	}

	for n := range at {
		if p.known[fieldName(at[:n+1])] {
			return true
		}
	}

	return false
}

// fields lists the problems by field.
func (p *problems) fields() []state.FieldError {
	fields := make([]state.FieldError, len(p.list), len(p.list)+1)
	for i, o := range p.list {
		fields[i] = state.FieldError{Field: fieldName(o.at), Message: o.message}
	}

	slices.SortStableFunc(
		fields,
		func(a, b state.FieldError) int { return strings.Compare(a.Field, b.Field) },
	)

	if p.full {
		more := fmt.Sprintf("there are more problems: checking stopped after %d", maxReported)
		fields = append(fields, state.FieldError{Message: more})
	}

	return fields
}

// excerpt returns text for a message, shortened if it is long.
func excerpt(s string) string {
	const maxRunes = 60
	if len(s) > 8*maxRunes { // the rest cannot be shown, so it is not read
		s = s[:8*maxRunes]
	}

	s = state.CleanText(s)
	if runes := []rune(s); len(runes) > maxRunes {
		return string(runes[:maxRunes]) + "…"
	}

	return s
}

func quote(s string) string {
	const maxBytes = 4 * 60
	if len(s) > maxBytes {
		s = s[:maxBytes]
	}

	return excerpt(strconv.Quote(s))
}
