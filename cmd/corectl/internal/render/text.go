package render

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"coremachine/internal/state"
)

// Style describes what the output can display. The zero value is plain text
// with lines of any length.
type Style struct {
	Color bool // ANSI colours
	ASCII bool // only US-ASCII
	Width int  // maximum number of columns; 0 means no limit

	// Zone is the time zone of the times that people read. The default is that of
	// the machine. Other programs read UTC.
	Zone *time.Location
}

// Ink is the colour of a piece of text.
type Ink string

// Inks are ANSI parameters. They use only the sixteen basic colours, which
// follow the theme of the terminal.
const (
	Plain  Ink = ""
	Bold   Ink = "1"
	Dim    Ink = "2"
	Red    Ink = "31"
	Green  Ink = "32"
	Yellow Ink = "33"
	Blue   Ink = "34"
)

// Paint wraps text in a colour if colours are enabled.
func (s Style) Paint(ink Ink, text string) string {
	if !s.Color || ink == Plain || text == "" {
		return text
	}

	return "\x1b[" + string(ink) + "m" + text + "\x1b[0m"
}

// Dot returns the separator of the parts of a headline.
func (s Style) Dot() string {
	if s.ASCII {
		return " - "
	}

	return " · "
}

// Plain makes text from other sources safe to display on one line. Characters
// that cannot be seen become escapes, as in all views. Line feeds and tabs become
// spaces, and characters that the output cannot display become '?'.
func (s Style) Plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case r == utf8.RuneError, s.ASCII && r > unicode.MaxASCII:
			return '?'
		}

		return r
	}, state.VisibleText(text))
}

// Own adapts the program's own text to the output: it replaces the symbols that
// the program uses by ASCII equivalents.
func (s Style) Own(text string) string {
	if !s.ASCII {
		return text
	}

	return ownASCII.Replace(text)
}

var ownASCII = strings.NewReplacer("·", "-", "…", "...", "×", "x", "→", "->")

// Width returns the number of columns of a text. Colours count as 0.
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

// Cut shortens plain text to a number of columns and appends an ellipsis. With
// a number below 1, it returns the text unchanged.
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

// runeWidth returns 2 for the blocks that terminals display with two columns.
// An unknown wide character only misaligns a line.
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
