package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// removeEntries removes entries by their keys from the map literal All, and
// formats the file. It returns the removed entries. Comments and the other
// entries stay. It is the inverse of addEntries.
func removeEntries(source []byte, keys map[string]string) (text []byte, dropped []mapEntry, err error) {
	files := token.NewFileSet()

	file, err := parser.ParseFile(files, "all.go", source, parser.ParseComments)
	if err != nil {
		return nil, nil, err
	}

	all := literalOf(file)
	if all == nil {
		return nil, nil, errors.New("the file has no map literal All")
	}

	offset := func(p token.Pos) int { return files.Position(p).Offset }
	text = slices.Clone(source)

	for _, pair := range slices.Backward(pairsOf(all)) {
		key := keyOf(source, files, pair)
		if _, wanted := keys[key]; !wanted {
			continue
		}

		dropped = append(dropped, mapEntry{key, string(source[offset(pair.Value.Pos()):offset(pair.Value.End())])})
		text = cut(text, offset(pair.Pos()), offset(pair.End()))
	}

	slices.Reverse(dropped)

	text, err = format.Source(text)

	return text, dropped, err
}

// cut removes a range with the comma after it. If nothing else is on its lines,
// it removes the lines, and an empty line before them that would be the second
// in a row or the last of the literal.
func cut(text []byte, from, to int) []byte {
	if rest := bytes.TrimLeft(text[to:], " \t"); bytes.HasPrefix(rest, []byte(",")) {
		to = len(text) - len(rest) + 1
	}

	start := bytes.LastIndexByte(text[:from], '\n') + 1

	end := len(text)
	if line := bytes.IndexByte(text[to:], '\n'); line >= 0 {
		end = to + line + 1
	}

	if len(bytes.TrimSpace(text[start:from])) == 0 && len(bytes.TrimSpace(text[to:end])) == 0 {
		from, to = start, end

		next := bytes.TrimLeft(text[to:], " \t")
		closes := bytes.HasPrefix(next, []byte("}")) || bytes.HasPrefix(next, []byte("\n"))

		if closes && bytes.HasSuffix(text[:from], []byte("\n\n")) {
			from--
		}
	}

	return slices.Concat(text[:from], text[to:])
}

// declaredTaskTypes returns the task types that a file of handlers declares, by
// the names of their constants.
func declaredTaskTypes(source []byte) (map[string]string, error) {
	types := map[string]string{}
	if source == nil {
		return types, nil
	}

	file, err := parser.ParseFile(token.NewFileSet(), "handlers.go", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}

	for value := range declaredValues(file, token.CONST) {
		literal, ok := value.Values[0].(*ast.BasicLit)
		if !ok || !isTaskType(value.Type) {
			continue
		}

		if taskType, err := strconv.Unquote(literal.Value); err == nil {
			types[value.Names[0].Name] = taskType
		}
	}

	return types, nil
}

// isTaskType reports whether a type is TaskType[In, Out], of any package.
func isTaskType(expr ast.Expr) bool {
	index, ok := expr.(*ast.IndexListExpr)
	if !ok {
		return false
	}

	switch base := index.X.(type) {
	case *ast.Ident:
		return base.Name == "TaskType"
	case *ast.SelectorExpr:
		return base.Sel.Name == "TaskType"
	}

	return false
}

// stagesOf returns the names of the stages for which `new job` would declare
// these task types, in the order of the source.
func stagesOf(source []byte, job string, types map[string]string) []string {
	taskTypes := slices.SortedFunc(maps.Values(types), func(x, y string) int {
		return bytes.Index(source, []byte(strconv.Quote(x))) - bytes.Index(source, []byte(strconv.Quote(y)))
	})

	return each(taskTypes, func(taskType string) string { return strings.TrimPrefix(taskType, job+"_") })
}

// findChanges lists the files that a removal would lose: they are neither as
// `new job` wrote them, nor committed.
func (r *removal) findChanges(ctx context.Context, p project, unedited map[string]bool) {
	for _, path := range slices.Sorted(maps.Keys(r.files)) {
		if unedited[path] || committed(ctx, p.root, path) {
			continue
		}

		r.unsafe = append(r.unsafe, path+" was edited and is not committed: commit it, or delete it yourself")
	}
}

// committed reports whether git has the file as it is.
func committed(ctx context.Context, root, path string) bool {
	git := func(args ...string) (string, bool) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...)
		out, err := cmd.Output()

		return string(out), err == nil
	}

	if _, tracked := git("ls-files", "--error-unmatch", "--", path); !tracked {
		return false
	}

	changes, ok := git("status", "--porcelain", "--", path)

	return ok && changes == ""
}

// findUses lists where other files of the project use a declaration of the
// removed files. Without them, the project would not build.
func (r *removal) findUses(p project) error {
	declared := map[string]map[string]bool{} // by folder

	for path, text := range r.files {
		names, err := declarations(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}

		folder := filepath.Dir(path)
		if declared[folder] == nil {
			declared[folder] = map[string]bool{}
		}

		maps.Copy(declared[folder], names)
	}

	tree := os.DirFS(p.root)

	return fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		name := entry.Name()
		if entry.IsDir() {
			if path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return fs.SkipDir
			}

			return nil
		}

		if _, removed := r.files[path]; removed || !strings.HasSuffix(name, ".go") {
			return nil
		}

		text, isEdited := r.edited[path]
		if !isEdited {
			if text, err = fs.ReadFile(tree, path); err != nil {
				return err
			}
		}

		r.unsafe = append(r.unsafe, uses(p, path, text, declared)...)

		return nil
	})
}

// declarations returns the names that a file declares for its package.
func declarations(source []byte) (map[string]bool, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}

	names := map[string]bool{}

	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names[d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					names[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range s.Names {
						names[name.Name] = true
					}
				}
			}
		}
	}

	return names, nil
}

// uses lists the first use of each declared name in a file. A file that cannot
// be parsed uses none: it does not build anyway.
func uses(p project, path string, source []byte, declared map[string]map[string]bool) []string {
	files := token.NewFileSet()

	file, err := parser.ParseFile(files, path, source, 0)
	if file == nil || err != nil {
		return nil
	}

	packages := map[string]map[string]bool{} // the names of a package by the name under which it is imported

	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		for folder, names := range declared {
			if imported != p.module+"/"+folder {
				continue
			}

			local := filepath.Base(folder)
			if spec.Name != nil {
				local = spec.Name.Name
			}

			packages[local] = names
		}
	}

	own := declared[filepath.ToSlash(filepath.Dir(path))]
	seen := map[string]bool{}

	var found []string

	report := func(name string, at token.Pos) {
		if !seen[name] {
			seen[name] = true
			found = append(found, fmt.Sprintf("%s:%d uses %s", path, files.Position(at).Line, name))
		}
	}

	for _, name := range file.Unresolved { // neither local nor declared in this file
		if own[name.Name] {
			report(name.Name, name.Pos())
		}
	}

	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && packages[x.Name][s.Sel.Name] {
				report(x.Name+"."+s.Sel.Name, s.Pos())
			}
		}

		return true
	})

	return found
}
