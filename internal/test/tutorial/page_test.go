package tutorial

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// block is a fenced block of the page.
type block struct {
	kind string            // sh, text, go
	of   map[string]string // id, of, file, delete
	body string
}

var fence = regexp.MustCompile("(?ms)^```([a-z]+) ([^\n]*)\n(.*?)^```$")

// blocks returns the fenced blocks that have attributes, in the order of the
// page.
func blocks(page string) []block {
	var all []block

	for _, m := range fence.FindAllStringSubmatch(page, -1) {
		b := block{kind: m[1], of: map[string]string{}, body: m[3]}
		for attribute := range strings.FieldsSeq(m[2]) {
			name, value, _ := strings.Cut(attribute, "=")
			b.of[name] = value
		}

		all = append(all, b)
	}

	return all
}

// missing returns the first wanted line that the output does not contain after
// the previous ones, or "" if it contains all of them.
func missing(want, output string) string {
	for line := range strings.Lines(want) {
		line = strings.TrimSpace(line)

		parts := strings.Split(line, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}

		at := regexp.MustCompile(strings.Join(parts, ".*?")).FindStringIndex(output)
		if at == nil {
			return line
		}

		output = output[at[1]:]
	}

	return ""
}

// put adds declarations to a file. Each replaces the declaration of the same
// name, including its comment, or is appended.
func put(t *testing.T, file, code, away string) string {
	t.Helper()

	if strings.HasPrefix(code, "package ") {
		return code
	}

	for _, d := range declarations(t, "package x\n\n"+code) {
		text, replaced := d.text, false
		for _, old := range declarations(t, file) {
			if old.name == d.name {
				file, replaced = file[:old.from]+text+file[old.to:], true
				break
			}
		}

		if !replaced {
			file += "\n" + text + "\n"
		}
	}

	for _, old := range declarations(t, file) {
		if old.name == away {
			file = file[:old.from] + file[old.to:]
			break
		}
	}

	formatted, err := format.Source([]byte(file))
	if err != nil {
		t.Fatal(err)
	}

	return string(formatted)
}

type declaration struct {
	name     string
	text     string
	from, to int
}

func declarations(t *testing.T, source string) []declaration {
	t.Helper()

	set := token.NewFileSet()

	parsed, err := parser.ParseFile(set, "", source, parser.ParseComments)
	if err != nil {
		t.Fatalf("%v in\n%s", err, source)
	}

	var all []declaration

	for _, d := range parsed.Decls {
		name, doc := "", (*ast.CommentGroup)(nil)

		switch d := d.(type) {
		case *ast.FuncDecl:
			name, doc = d.Name.Name, d.Doc
		case *ast.GenDecl:
			name, doc = d.Tok.String(), d.Doc
			switch s := d.Specs[0].(type) {
			case *ast.TypeSpec:
				name = s.Name.Name
			case *ast.ValueSpec:
				name = s.Names[0].Name
			}
		}

		from := d.Pos()
		if doc != nil {
			from = doc.Pos()
		}

		one := declaration{name: name, from: set.Position(from).Offset, to: set.Position(d.End()).Offset}
		one.text = source[one.from:one.to]
		all = append(all, one)
	}

	return all
}

func TestPutReplacesByName(t *testing.T) {
	t.Parallel()

	const file = "package a\n\nimport \"os\"\n\n// B is one.\ntype B int\n\nfunc c() {}\n\nfunc d() {}\n"

	got := put(t, file, "// B is two.\ntype B string\n\nfunc e() { os.Exit(1) }\n", "c")

	const want = "package a\n\nimport \"os\"\n\n// B is two.\ntype B string\n\nfunc d() {}\n\nfunc e() { os.Exit(1) }\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWildcardsMatchAnything(t *testing.T) {
	t.Parallel()

	const output = "attempt 2 of 3f9a: 1 task queued\njob completed tasks=19\n"
	for want, line := range map[string]string{
		"attempt 2 of …: 1 task\njob completed\n": "",
		"job completed\nattempt 2\n":              "attempt 2",
		"attempt … failed\n":                      "attempt … failed",
	} {
		if got := missing(want, output); got != line {
			t.Errorf("%q: got %q, want %q", want, got, line)
		}
	}
}
