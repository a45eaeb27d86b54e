package define

import (
	"regexp"
	"strconv"
	"strings"

	"coremachine/internal/state"
)

// step is one step of the path from the parameters to a value: a member of an
// object, or an item of an array.
type step struct {
	name  string
	index int // index of an item, or -1 for a member
}

func memberStep(name string) step { return step{name: name, index: -1} }
func itemStep(index int) step     { return step{index: index} }

// maxNameShown limits, in bytes, how much of a member's name an error shows. A
// name can be as long as the body, and can be repeated for every item below it.
const maxNameShown = 100

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// fieldName renders a path in the notation that all errors use: name,
// filter.prefix, also[1].prefix, labels["a key"].
func fieldName(at []step) string {
	var b strings.Builder

	for i, s := range at {
		name := shownName(s.name)
		switch {
		case s.index >= 0:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case i == 0:
			b.WriteString(name)
		case plainName.MatchString(name):
			b.WriteString("." + name)
		default:
			b.WriteString("[" + strconv.Quote(name) + "]")
		}
	}

	return state.CleanText(b.String())
}

func shownName(name string) string {
	if len(name) <= maxNameShown {
		return name
	}

	return strings.ToValidUTF8(name[:maxNameShown], "") + "…"
}
