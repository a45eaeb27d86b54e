package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"iter"
	"slices"
	"strings"
)

// mapEntry is an entry of a literal map. Both parts are Go source.
type mapEntry struct{ key, value string }

// addEntries adds entries to the map literal that the file assigns to the
// variable All, and formats the file. If empty lines separate groups of
// entries, the new ones form a group of their own at the end. Otherwise, each
// is inserted before the first key that sorts after it. Existing comments and
// the order do not change. A duplicate key is an error.
func addEntries(source []byte, entries []mapEntry) ([]byte, error) {
	files := token.NewFileSet()

	file, err := parser.ParseFile(files, "all.go", source, parser.ParseComments)
	if err != nil {
		return nil, err
	}

	all := literalOf(file)
	if all == nil {
		return nil, errors.New("the file has no map literal All")
	}

	for _, pair := range pairsOf(all) {
		key := keyOf(source, files, pair)
		if slices.ContainsFunc(entries, func(e mapEntry) bool { return e.key == key }) {
			return nil, fmt.Errorf("the map already contains %s", key)
		}
	}

	if grouped(source, files, all) {
		var group strings.Builder
		for _, e := range entries {
			fmt.Fprintf(&group, "\n%s: %s,", e.key, e.value)
		}

		at := files.Position(all.Rbrace).Offset

		return format.Source(slices.Concat(source[:at], []byte(group.String()+"\n"), source[at:]))
	}

	slices.SortStableFunc(entries, func(a, b mapEntry) int { return strings.Compare(a.key, b.key) })

	for _, e := range entries {
		if source, err = addEntry(source, e); err != nil {
			return nil, err
		}
	}

	return format.Source(source)
}

// grouped reports whether an empty line separates the entries of a literal.
func grouped(source []byte, files *token.FileSet, all *ast.CompositeLit) bool {
	if len(all.Elts) < 2 {
		return false
	}

	first := files.Position(all.Elts[0].Pos()).Offset
	last := files.Position(all.Elts[len(all.Elts)-1].Pos()).Offset

	return bytes.Contains(source[first:last], []byte("\n\n"))
}

// pairsOf returns the entries of a map literal, which may be nil.
func pairsOf(all *ast.CompositeLit) []*ast.KeyValueExpr {
	if all == nil {
		return nil
	}

	var pairs []*ast.KeyValueExpr

	for _, element := range all.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			pairs = append(pairs, pair)
		}
	}

	return pairs
}

func keyOf(source []byte, files *token.FileSet, pair *ast.KeyValueExpr) string {
	return string(source[files.Position(pair.Key.Pos()).Offset:files.Position(pair.Key.End()).Offset])
}

func addEntry(source []byte, e mapEntry) ([]byte, error) {
	files := token.NewFileSet()

	file, err := parser.ParseFile(files, "all.go", source, parser.ParseComments)
	if err != nil {
		return nil, err
	}

	all := literalOf(file)

	at := files.Position(all.Rbrace).Offset
	for _, pair := range slices.Backward(pairsOf(all)) {
		if keyOf(source, files, pair) > e.key {
			at = aboveComment(source, files.Position(pair.Pos()).Offset)
		}
	}

	line := fmt.Sprintf("%s: %s,\n", e.key, e.value)

	before := bytes.TrimRight(source[:at], " \t")
	if !bytes.HasSuffix(before, []byte("\n")) {
		line = "\n" + line
		if last := before[len(before)-1]; last != '{' && last != ',' {
			line = "," + line
		}
	}

	return slices.Concat(source[:at], []byte(line), source[at:]), nil
}

// aboveComment moves a position at the start of a line above the comment lines
// that belong to the line.
func aboveComment(source []byte, at int) int {
	for {
		start := bytes.LastIndexByte(source[:at], '\n') + 1
		above := source[:max(0, start-1)]

		line := above[bytes.LastIndexByte(above, '\n')+1:]
		if start == 0 || len(bytes.TrimSpace(source[start:at])) > 0 ||
			!bytes.HasPrefix(bytes.TrimSpace(line), []byte("//")) {
			return at
		}

		at = start - 1 - len(line)
	}
}

// literalOf returns the map literal of the variable All.
func literalOf(file *ast.File) *ast.CompositeLit {
	for value := range declaredValues(file, token.VAR) {
		if lit, ok := value.Values[0].(*ast.CompositeLit); ok && value.Names[0].Name == "All" {
			return lit
		}
	}

	return nil
}

// declaredValues yields the declarations of one constant, or of one variable,
// with a value.
func declaredValues(file *ast.File, kind token.Token) iter.Seq[*ast.ValueSpec] {
	return func(yield func(*ast.ValueSpec) bool) {
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != kind {
				continue
			}

			for _, spec := range group.Specs {
				value, ok := spec.(*ast.ValueSpec)
				if ok && len(value.Names) == 1 && len(value.Values) == 1 && !yield(value) {
					return
				}
			}
		}
	}
}
