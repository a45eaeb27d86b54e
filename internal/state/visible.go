package state

import (
	"strconv"
	"strings"
	"unicode"
)

// VisibleText returns text of others in a form that can be shown: valid UTF-8,
// with an escape such as \x1b or \u202e in place of each character that would
// move the cursor, change colors, reorder the text, or not be seen at all. Line
// feeds and tabs stay.
func VisibleText(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}

	var b strings.Builder

	for _, r := range text {
		if !hidden(r) {
			b.WriteRune(r)
			continue
		}

		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}

	return b.String()
}

// hidden reports whether a character cannot be seen, or changes how the text
// around it appears. Variation selectors are left alone: they only choose the
// shape of the character before them.
func hidden(r rune) bool {
	switch {
	case r == '\n', r == '\t', r >= ' ' && r <= '~':
		return false
	case r == '\u2028', r == '\u2029':
		return true
	}

	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point)
}
