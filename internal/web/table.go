package web

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// table is a table to show. The number of its cells, and the length of each, are
// bounded regardless of the size of the result.
type table struct {
	Columns []column
	Rows    [][]cell
	Omitted int // rows that are not shown
}

// column is one column of a table. Its cells are aligned to the right if all of
// them are numbers or blank.
type column struct {
	Name    string
	Numbers bool
}

// cell is one cell of a table.
type cell struct {
	Column string
	Text   string
	Number bool // it is aligned to the right, as all others of its column
	Blank  bool
}

// Limits of a table.
const (
	maxTableRows    = 200
	maxTableColumns = 16
	maxTableDepth   = 3 // of objects whose members are rows of their own
	maxCell         = 300
)

// tableOf makes a table of an array of objects, with a row for each, or of an
// object, with a row for each of its members. It returns nil for anything else,
// and if there is no row. Names and numbers are as stored.
func tableOf(member json.RawMessage) *table {
	var t *table

	switch {
	case bytes.HasPrefix(member, []byte("[")):
		t = rowsOf(member)
	case bytes.HasPrefix(member, []byte("{")):
		t = &table{Columns: []column{{Name: "Name"}, {Name: "Value"}}}
		t.addMembers("", member, maxTableDepth)
	}

	if t == nil || len(t.Rows) == 0 {
		return nil
	}

	t.align()

	return t
}

// align aligns the cells of a column alike, so that they stand below its name.
func (t *table) align() {
	for i := range t.Columns {
		numbers, texts := 0, 0

		for _, row := range t.Rows {
			switch {
			case row[i].Number:
				numbers++
			case !row[i].Blank:
				texts++
			}
		}

		t.Columns[i].Numbers = numbers > 0 && texts == 0

		for _, row := range t.Rows {
			row[i].Number = t.Columns[i].Numbers
		}
	}
}

func rowsOf(array json.RawMessage) *table {
	var items []json.RawMessage
	if json.Unmarshal(array, &items) != nil {
		return nil
	}

	t := &table{}
	if len(items) > maxTableRows {
		t.Omitted = len(items) - maxTableRows
		items = items[:maxTableRows]
	}

	var columns []string

	rows := make([]map[string]cell, 0, len(items))

	for _, item := range items {
		row := map[string]cell{}

		for _, m := range membersOf(item) {
			if !slices.Contains(columns, m.name) {
				if len(columns) == maxTableColumns {
					continue
				}

				columns = append(columns, m.name)
			}

			row[m.name] = cellOf(m.name, m.value)
		}

		rows = append(rows, row)
	}

	if len(columns) == 0 {
		return nil
	}

	for _, name := range columns {
		t.Columns = append(t.Columns, column{Name: heading(name)})
	}

	for _, row := range rows {
		cells := make([]cell, len(columns))
		for i, name := range columns {
			if c, ok := row[name]; ok {
				cells[i] = c
			} else {
				cells[i] = cell{Column: heading(name), Blank: true}
			}
		}

		t.Rows = append(t.Rows, cells)
	}

	return t
}

// addMembers adds a row for each member. Members of nested objects have the name
// of the object before theirs.
func (t *table) addMembers(prefix string, object json.RawMessage, depth int) {
	for _, m := range membersOf(object) {
		if depth > 1 && bytes.HasPrefix(m.value, []byte("{")) {
			t.addMembers(prefix+m.name+" ", m.value, depth-1)
			continue
		}

		if len(t.Rows) == maxTableRows {
			t.Omitted++
			continue
		}

		name := clipText(heading(prefix + m.name))
		t.Rows = append(t.Rows, []cell{{Column: "Name", Text: name}, cellOf("value", m.value)})
	}
}

type member struct {
	name  string
	value json.RawMessage
}

// membersOf returns the members of an object in their stored order.
func membersOf(object json.RawMessage) []member {
	in := json.NewDecoder(bytes.NewReader(object))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return nil
	}

	var list []member

	for in.More() {
		name, err := in.Token()
		if err != nil {
			return list
		}

		text, ok := name.(string)
		if !ok {
			return list
		}

		var value json.RawMessage
		if in.Decode(&value) != nil {
			return list
		}

		list = append(list, member{text, value})
	}

	return list
}

// cellOf shows a value: text without its quotes, a list of plain values with
// commas, and anything else as JSON.
func cellOf(column string, value json.RawMessage) cell {
	c := cell{Column: heading(column), Text: string(value)}

	switch value[0] {
	case '"':
		var text string
		if json.Unmarshal(value, &text) == nil {
			c.Text = text
		}
	case '[':
		c.Text = listText(value)
	case 'n':
		c.Text = ""
	case '{', 't', 'f':
	default:
		c.Number = true
	}

	c.Text = clipText(c.Text)
	c.Blank = c.Text == ""

	return c
}

func listText(array json.RawMessage) string {
	var items []json.RawMessage
	if json.Unmarshal(array, &items) != nil {
		return string(array)
	}

	var b strings.Builder

	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}

		var text string
		if json.Unmarshal(item, &text) == nil {
			item = json.RawMessage(text)
		}

		if b.Write(item); b.Len() > maxCell {
			break
		}
	}

	return b.String()
}

// clipText shortens a text to the length of a cell.
func clipText(text string) string {
	if len(text) <= maxCell {
		return text
	}

	end := maxCell
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}

	return text[:end] + "…"
}
