package arch

import (
	"go/ast"
	"path/filepath"
	"strings"
	"testing"
)

func TestPackagesHaveDocComments(t *testing.T) {
	t.Parallel()

	type about struct {
		comments, files int
		inDoc           bool
		text            string
	}

	packages := map[string]*about{}
	for _, s := range sources(t) {
		if packages[s.pkg] == nil {
			packages[s.pkg] = &about{}
		}

		p := packages[s.pkg]
		if !s.test {
			p.files++
		}

		if s.file.Doc != nil && !strings.HasSuffix(s.file.Name.Name, "_test") {
			p.comments++
			p.text += s.file.Doc.Text()
			p.inDoc = filepath.Base(s.path) == "doc.go"
		}
	}

	for name, p := range packages {
		command := strings.HasPrefix(name, "cmd/") && !strings.Contains(name, "/internal/")
		switch {
		case p.comments != 1:
			t.Errorf("%s: %d package comments, want one", name, p.comments)
		case p.files > 1 && !p.inDoc:
			t.Errorf("%s: the package comment belongs in doc.go", name)
		case !command && !strings.Contains(p.text, "may import"):
			t.Errorf("%s: the package comment does not say what it may import", name)
		}
	}
}

func TestPackagesCheckForLeakedGoroutines(t *testing.T) {
	t.Parallel()

	withTests, looking := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		withTests[s.pkg] = withTests[s.pkg] || s.test
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && s.test && fn.Recv == nil && fn.Name.Name == "TestMain" {
				looking[s.pkg] = true
			}
		}
	}

	for name, tests := range withTests {
		if tests && !looking[name] {
			t.Errorf("%s: no TestMain: call goleak.VerifyTestMain or pgtest.Main", name)
		}
	}
}

func TestSleepSkipAndInitAreNotUsed(t *testing.T) {
	t.Parallel()

	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					t.Errorf(
						"%s: func init is not allowed: use a literal, or set it up in app",
						s.path,
					)
				}
			case *ast.SelectorExpr:
				on, ok := n.X.(*ast.Ident)
				if !ok {
					return true
				}

				switch call := on.Name + "." + n.Sel.Name; call {
				case "time.Sleep":
					t.Errorf("%s: %s is not allowed: wait for a signal", s.path, call)
				case "t.Skip",
					"t.Skipf",
					"t.SkipNow",
					"b.Skip",
					"b.Skipf",
					"b.SkipNow",
					"tb.Skip",
					"tb.Skipf",
					"tb.SkipNow":
					if !strings.HasSuffix(s.path, "internal/test/needs/needs.go") {
						t.Errorf("%s: %s is not allowed: fail, or call needs.Program", s.path, call)
					}
				}
			}

			return true
		})
	}
}
