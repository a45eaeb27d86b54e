package show

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Style says what the place where text goes can draw. The zero value is plain
// text of any length.
type Style struct {
	Color bool // ANSI colours
	ASCII bool // nothing outside US-ASCII
	Width int  // columns; 0: no limit
}

// Ink is the colour of a piece of text.
type Ink string

// Inks, as ANSI parameters: the sixteen colours only, so that they follow the
// terminal's own theme.
const (
	Plain  Ink = ""
	Bold   Ink = "1"
	Dim    Ink = "2"
	Red    Ink = "31"
	Green  Ink = "32"
	Yellow Ink = "33"
	Blue   Ink = "34"
)

// Paint wraps text in a colour where colours are wanted.
func (s Style) Paint(ink Ink, text string) string {
	if !s.Color || ink == Plain || text == "" {
		return text
	}

	return "\x1b[" + string(ink) + "m" + text + "\x1b[0m"
}

// Dot separates the parts of a headline.
func (s Style) Dot() string {
	if s.ASCII {
		return " - "
	}

	return " · "
}

// Plain makes text from elsewhere safe to draw: control characters become
// spaces, and what the place cannot draw a '?'.
func (s Style) Plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '?'
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return ' '
		case s.ASCII && r > unicode.MaxASCII:
			return '?'
		}

		return r
	}, text)
}

// Own fits the program's own text to the place: the few signs that it uses get
// their ASCII twins.
func (s Style) Own(text string) string {
	if !s.ASCII {
		return text
	}

	return ownASCII.Replace(text)
}

var ownASCII = strings.NewReplacer("·", "-", "…", "...", "×", "x", "→", "->")

// Width is how many columns the text takes. Colours take none.
func Width(text string) int {
	columns := 0

	for i := 0; i < len(text); {
		if text[i] == '\x1b' {
			if end := strings.IndexByte(text[i:], 'm'); end >= 0 {
				i += end + 1
				continue
			}
		}

		r, size := utf8.DecodeRuneInString(text[i:])
		columns += runeWidth(r)
		i += size
	}

	return columns
}

// Cut shortens plain text to so many columns, with an ellipsis where something
// went. Columns below 1 leave it whole.
func (s Style) Cut(text string, columns int) string {
	if columns < 1 || Width(text) <= columns {
		return text
	}

	mark := "…"
	if s.ASCII {
		mark = "~"
	}

	room := columns - 1
	for i, r := range text {
		if room -= runeWidth(r); room < 0 {
			return text[:i] + mark
		}
	}

	return text
}

func padRight(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-Width(text)))
}

func padLeft(text string, columns int) string {
	return strings.Repeat(" ", max(0, columns-Width(text))) + text
}

// runeWidth knows the blocks that terminals draw two columns wide; a rare miss
// costs a ragged edge only.
func runeWidth(r rune) int {
	switch {
	case unicode.Is(unicode.Mn, r):
		return 0
	case r >= 0x1100 && r <= 0x115f,
		r >= 0x2e80 && r <= 0xa4cf,
		r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 &&
			r <= 0xfe6f,
		r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6,
		r >= 0x1f300 && r <= 0x1faff,
		r >= 0x20000:
		return 2
	}

	return 1
}
