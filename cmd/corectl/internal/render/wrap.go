package render

import "strings"

// Wrap breaks a sentence into lines of at most a number of columns. It breaks
// at spaces only and not inside backquotes, so that ids, URLs and commands stay
// complete. With a number below 1, it returns the text unchanged.
func Wrap(text string, columns int) []string {
	if columns < 1 || Width(text) <= columns {
		return []string{text}
	}

	var lines []string

	line, whole := "", ""
	for word := range strings.SplitSeq(text, " ") {
		if whole != "" {
			word = whole + " " + word
		}

		if strings.Count(word, "`")%2 == 1 { // a command has started and not ended
			whole = word
			continue
		}

		whole = ""

		switch {
		case line == "":
			line = word
		case Width(line)+1+Width(word) <= columns:
			line += " " + word
		default:
			lines, line = append(lines, strings.TrimRight(line, " ")), word
		}
	}

	if whole != "" {
		line = strings.TrimPrefix(line+" "+whole, " ")
	}

	return append(lines, line)
}

// Hang wraps a text after a heading. The lines after the first are indented to
// the start of the text.
func Hang(head, text string, columns int) []string {
	indent := Width(head)

	lines := Wrap(text, max(columns-indent, 0))
	if columns > 0 && columns-indent < 16 { // too narrow to indent
		lines = Wrap(text, columns-2)
		for i := range lines {
			lines[i] = "  " + lines[i]
		}

		return append([]string{strings.TrimRight(head, " ")}, lines...)
	}

	for i := range lines {
		if i == 0 {
			lines[i] = head + lines[i]
			continue
		}

		lines[i] = strings.Repeat(" ", indent) + lines[i]
	}

	return lines
}
