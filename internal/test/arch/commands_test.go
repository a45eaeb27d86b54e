package arch

import (
	"go/ast"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var goTest = regexp.MustCompile(`go test(?: -\w+)* (\./[\w./]+) -run (\S+?)[\s` + "`" + `]`)

// TestDocCommandsRunTests finds each "go test PACKAGE -run PATTERN" in the
// documentation and the Makefile, and checks that a test matches.
func TestDocCommandsRunTests(t *testing.T) {
	t.Parallel()

	names := map[string][]string{}

	for _, s := range sources(t) {
		if !s.test {
			continue
		}

		dir := "./" + filepath.ToSlash(filepath.Dir(s.path))
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				names[dir] = append(names[dir], fn.Name.Name)
			}
		}
	}

	commands := 0

	for _, f := range texts(t, func(path string) bool { return filepath.Ext(path) == ".md" || path == "Makefile" }) {
		for _, m := range goTest.FindAllStringSubmatch(f.content, -1) {
			commands++

			top, _, _ := strings.Cut(m[2], "/")
			if !matches(t, names[m[1]], top) {
				t.Errorf("%s: %q matches no test", f.path, strings.TrimSpace(m[0]))
			}
		}
	}

	if commands < 4 {
		t.Errorf("found %d commands", commands)
	}
}

func matches(t *testing.T, names []string, pattern string) bool {
	t.Helper()

	expression, err := regexp.Compile(pattern)
	if err != nil {
		t.Fatal(err)
	}

	for _, name := range names {
		if strings.HasPrefix(name, "Test") && expression.MatchString(name) {
			return true
		}
	}

	return false
}
