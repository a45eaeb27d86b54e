package render

import (
	"strings"
)

// Column is one column of a table.
type Column struct {
	Head  string
	Right bool // align right, for numbers
	Drop  int  // columns with higher values are omitted first if the table is too wide; 0 means never
	Cut   int  // minimum number of columns to which it may be shortened; 0 means never
}

// Table draws rows below their headings, separated by two spaces. If the table
// is wider than the style allows, columns are shortened or omitted. A column
// without Drop and Cut, such as an id, keeps every character.
func (s Style) Table(columns []Column, rows [][]string, inks func(row, column int) Ink) []string {
	widths := make([]int, len(columns))
	for c, column := range columns {
		widths[c] = Width(column.Head)
		for _, row := range rows {
			widths[c] = max(widths[c], Width(row[c]))
		}
	}

	shown := s.fit(columns, widths)
	lines := make([]string, 0, len(rows)+1)

	heads := make([]string, len(columns))
	for c, column := range columns {
		heads[c] = column.Head
	}

	lines = append(lines, s.line(columns, widths, shown, heads, func(int) Ink { return Dim }))
	for r, row := range rows {
		lines = append(lines, s.line(columns, widths, shown, row, func(c int) Ink {
			if inks == nil {
				return Plain
			}

			return inks(r, c)
		}))
	}

	return lines
}

// fit omits columns and shortens widths until the line fits.
func (s Style) fit(columns []Column, widths []int) []bool {
	shown := make([]bool, len(columns))
	for c := range shown {
		shown[c] = true
	}

	for s.Width > 0 {
		over := total(widths, shown) - s.Width
		for c, column := range columns {
			if shown[c] && column.Cut > 0 {
				over -= max(0, widths[c]-column.Cut)
			}
		}

		drop := -1
		for c, column := range columns {
			if shown[c] && column.Drop > 0 && (drop < 0 || column.Drop > columns[drop].Drop) {
				drop = c
			}
		}

		if over <= 0 || drop < 0 {
			break
		}

		shown[drop] = false
	}

	over := total(widths, shown) - s.Width
	for c, column := range columns {
		if s.Width > 0 && shown[c] && column.Cut > 0 && over > 0 {
			give := min(over, max(0, widths[c]-column.Cut))
			widths[c] -= give
			over -= give
		}
	}

	return shown
}

func total(widths []int, shown []bool) int {
	sum := -2

	for c, w := range widths {
		if shown[c] {
			sum += w + 2
		}
	}

	return sum
}

func (s Style) line(columns []Column, widths []int, shown []bool, cells []string, ink func(int) Ink) string {
	var b strings.Builder

	last := len(columns) - 1
	for last > 0 && !shown[last] {
		last--
	}

	for c, column := range columns {
		if !shown[c] {
			continue
		}

		if b.Len() > 0 {
			b.WriteString("  ")
		}

		text := s.Cut(cells[c], widths[c])

		painted := s.Paint(ink(c), text)
		switch {
		case column.Right:
			b.WriteString(padLeft(painted, widths[c]))
		case c == last:
			b.WriteString(painted)
		default:
			b.WriteString(padRight(painted, widths[c]))
		}
	}

	return strings.TrimRight(b.String(), " ")
}

// Tabbed writes rows for other programs: one per line, with full values that
// are separated by tabs, and without a heading.
func Tabbed(rows [][]string) []string {
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = strings.Join(row, "\t")
	}

	return lines
}
