package render

import (
	"strconv"
	"strings"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// ShortError returns the short form of an error's fingerprint: its first 8
// digits.
func ShortError(f state.Fingerprint) string {
	text := f.String()
	return text[:min(len(text), 8)]
}

// Failures lists the error patterns for people, each with its first tasks.
func (s Style) Failures(groups []view.FailureGroup) []string {
	columns := []Column{
		{Head: "ERROR"},
		{Head: "STAGE", Cut: 8, Drop: 2},
		{Head: "TASKS", Right: true},
		{Head: "TRIES", Right: true, Drop: 3},
		{Head: "INDEXES", Cut: 10, Drop: 1},
		{Head: "PATTERN", Cut: 16},
	}

	rows := make([][]string, len(groups))
	for i, g := range groups {
		rows[i] = []string{
			ShortError(g.Fingerprint), s.Plain(g.Stage), upTo(g.Tasks), upTo(g.Attempts),
			s.Own(indexes(g, 3, ", ")), s.Plain(view.ErrorText(g.Pattern, g.Outcome)),
		}
	}

	return s.Table(columns, rows, func(r, c int) Ink {
		if c == 2 && groups[r].Tasks > 0 {
			return Red
		}

		return Plain
	})
}

// upTo marks a count that is a minimum.
func upTo(n int) string {
	if n >= view.MaxDepth {
		return Count(n) + "+"
	}

	return Count(n)
}

// indexes lists the first few tasks of a group.
func indexes(g view.FailureGroup, limit int, sep string) string {
	var b strings.Builder

	for i, index := range g.Indexes {
		if i == limit {
			b.WriteString(sep + "…")
			break
		}

		if i > 0 {
			b.WriteString(sep)
		}

		b.WriteString(strconv.Itoa(index))
	}

	return b.String()
}

// FailuresTabbed lists error patterns for other programs: fingerprint, stage,
// tasks, attempts, first seen, last seen, indexes separated by commas, pattern,
// message.
func FailuresTabbed(groups []view.FailureGroup) []string {
	rows := make([][]string, len(groups))
	for i, g := range groups {
		rows[i] = []string{
			g.Fingerprint.String(),
			clean(g.Stage),
			strconv.Itoa(g.Tasks),
			strconv.Itoa(g.Attempts),
			stamp(&g.FirstSeen),
			stamp(&g.LastSeen),
			indexes(g, len(g.Indexes), ","),
			clean(view.ErrorText(g.Pattern, g.Outcome)),
			clean(view.ErrorText(g.Message, g.Outcome)),
		}
	}

	return Tabbed(rows)
}
