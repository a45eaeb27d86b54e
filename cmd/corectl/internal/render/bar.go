package render

import "strings"

// Bar draws a progress bar with a given number of columns, in steps of an
// eighth of a column. It is full only if done equals total, and not empty if
// done is greater than 0.
func (s Style) Bar(done, total, columns int, ink Ink) string {
	if columns < 1 {
		return ""
	}

	eighths := 0
	if total > 0 {
		eighths = int(float64(min(done, total)) / float64(total) * float64(columns*8))
	}

	if done > 0 && done < total {
		eighths = min(max(eighths, 1), columns*8-1)
	}

	if s.ASCII {
		full := eighths / 8
		if done > 0 && full == 0 {
			full = 1
		}

		return "[" + s.Paint(ink, strings.Repeat("#", full)) + strings.Repeat(".", columns-full) + "]"
	}

	full := eighths / 8

	filled := strings.Repeat("█", full)
	if rest := eighths % 8; rest > 0 {
		filled += string(blocks[rest-1])
		full++
	}

	return s.Paint(ink, filled) + s.Paint(Dim, strings.Repeat("░", columns-full))
}

var blocks = []rune("▏▎▍▌▋▊▉")
