package define

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"coremachine/internal/state"
)

// maxReported bounds how many fields at fault one answer names.
const maxReported = 500

type problem struct {
	at      []string // path of names and indexes
	message string
}

// problems collects what is wrong with parameters, in the order in which it was found.
type problems struct {
	list  []problem
	known map[string]bool // pointers of what is in the list
}

func (p *problems) add(at []string, message string) {
	if p.known == nil {
		p.known = map[string]bool{}
	}
	p.known[pointer(at)] = true
	p.list = append(p.list, problem{slices.Clone(at), message})
}

// join adds problems that were found below a path.
func (p *problems) join(at []string, below problems) {
	for _, b := range below.list {
		p.add(append(slices.Clone(at), b.at...), b.message)
	}
}

// covers tells whether something was found at a path or above it.
func (p *problems) covers(at []string) bool {
	for n := range at {
		if p.known[pointer(at[:n+1])] {
			return true
		}
	}
	return false
}

// fields lists the problems by field.
func (p *problems) fields() []state.FieldError {
	fields := make([]state.FieldError, len(p.list))
	for i, o := range p.list {
		fields[i] = state.FieldError{Field: pointer(o.at), Message: o.message}
	}
	slices.SortStableFunc(fields, func(a, b state.FieldError) int { return strings.Compare(a.Field, b.Field) })
	if more := len(fields) - maxReported; more > 0 {
		fields = append(fields[:maxReported], state.FieldError{Message: fmt.Sprintf("and %d more", more)})
	}
	return fields
}

// pointer is the name of a parameter as it is, and of anything below it as a JSON pointer (RFC 6901).
func pointer(at []string) string {
	if len(at) == 1 {
		return state.CleanText(at[0])
	}
	var b strings.Builder
	for _, name := range at {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return state.CleanText(b.String())
}

// excerpt is text for a message, shortened where it is long.
func excerpt(s string) string {
	const most = 60
	s = state.CleanText(s)
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

func quote(s string) string { return excerpt(strconv.Quote(s)) }
