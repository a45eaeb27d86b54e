package arch

import (
	"go/ast"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"coremachine/internal/view"
)

const runbook = "docs/operations.md"

// document returns the text of a page of docs/.
func document(t *testing.T, path string) string {
	t.Helper()

	found := texts(t, func(p string) bool { return p == filepath.FromSlash(path) })
	if len(found) != 1 {
		t.Fatalf("found %d files %s, want one", len(found), path)
	}

	return found[0].content
}

// TestRunbookEntriesHaveFiveHeadings also checks that each entry is preceded by
// its own anchor, which links can rely on.
func TestRunbookEntriesHaveFiveHeadings(t *testing.T) {
	t.Parallel()

	seen := map[string]bool{}

	parts := regexp.MustCompile(`(?m)^### `).Split(document(t, runbook), -1)
	for i, entry := range parts[1:] {
		title, body, _ := strings.Cut(entry, "\n")

		anchor := regexp.MustCompile(`<a id="([a-z-]+)"></a>\n$`).FindStringSubmatch(parts[i])
		if anchor == nil || seen[anchor[1]] {
			t.Errorf("%s is not preceded by its own anchor", title)
		} else {
			seen[anchor[1]] = true
		}

		for _, heading := range []string{
			"- **Symptom:**", "- **Cause:**", "- **Check:**", "- **Fix:**", "- **If it recurs:**",
		} {
			_, rest, found := strings.Cut(body, "\n"+heading+" ")
			if !found {
				t.Errorf("%s has no %s, or has it in the wrong place", title, heading)
				continue
			}

			body = "\n" + rest
		}
	}

	if len(parts) < 20 {
		t.Errorf("the runbook has %d entries", len(parts)-1)
	}
}

// TestRunbookHasLinkedEntries checks that the anchors in programs and pages
// exist.
func TestRunbookHasLinkedEntries(t *testing.T) {
	t.Parallel()
	page := document(t, runbook)

	link := regexp.MustCompile(`operations\.md#([a-z-]+)`)

	linking := func(path string) bool {
		return slices.Contains([]string{".go", ".md", ".html", ".yaml", ".bicep"}, filepath.Ext(path))
	}
	for _, file := range texts(t, linking) {
		for _, m := range link.FindAllStringSubmatch(file.content, -1) {
			if !strings.Contains(page, `<a id="`+m[1]+`"></a>`) {
				t.Errorf("%s links to #%s, which is not in the runbook", file.path, m[1])
			}
		}
	}

	for _, m := range regexp.MustCompile(`\]\(#([a-z-]+)\)`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `<a id="`+m[1]+`"></a>`) {
			t.Errorf("the runbook links to its own #%s, which does not exist", m[1])
		}
	}
}

// TestRunbookHasEveryAlertAndReason compares the constants of the program with
// the entries of the runbook, in both directions.
func TestRunbookHasEveryAlertAndReason(t *testing.T) {
	t.Parallel()

	sections := map[string]string{}

	for _, part := range regexp.MustCompile(`(?m)^## `).Split(document(t, runbook), -1) {
		title, body, _ := strings.Cut(part, "\n")
		sections[title] = body
	}

	named, reasons := map[string]bool{}, 0

	known := constants(t, "internal/view/runbook.go")
	maps.Copy(known, constants(t, "internal/state/deadletter.go"))

	for name, value := range known {
		switch {
		case strings.HasPrefix(name, "Runbook"):
			named[value] = true
		case strings.HasPrefix(name, "Dead"):
			reasons++
			anchor := strings.TrimPrefix(view.RunbookOfDead(value).String(), runbook+"#")

			entry := `<a id="` + anchor + "\"></a>\n### " + value + "\n"
			if view.RunbookOfDead(value) == view.RunbookOtherReason ||
				!strings.Contains(sections["Reasons of dead letters"], entry) {
				t.Errorf("the runbook has no entry for the reason %s", value)
			}
		}
	}

	for _, title := range []string{"Alarms", "Reasons of dead letters"} {
		anchor := regexp.MustCompile(`<a id="([a-z-]+)"></a>\n### `)
		for _, m := range anchor.FindAllStringSubmatch(sections[title], -1) {
			if !named[m[1]] {
				t.Errorf("internal/view/runbook.go has no constant for #%s", m[1])
			}

			delete(named, m[1])
		}
	}

	for anchor := range named {
		t.Errorf("the runbook has no alarm or reason #%s", anchor)
	}

	if reasons < 3 {
		t.Errorf("found only %d reasons", reasons)
	}
}

// TestHealthChecksLinkToRunbook reads the health checks from the source of app,
// because a passing check does not show its entry.
func TestHealthChecksLinkToRunbook(t *testing.T) {
	t.Parallel()

	checks := 0

	for _, s := range sources(t) {
		if filepath.Dir(s.path) != filepath.FromSlash("internal/app") ||
			strings.HasSuffix(s.path, "_test.go") {
			continue
		}

		ast.Inspect(s.file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}

			keys := map[string]bool{}

			for _, e := range literal.Elts {
				if pair, ok := e.(*ast.KeyValueExpr); ok {
					if key, ok := pair.Key.(*ast.Ident); ok {
						keys[key.Name] = true
					}
				}
			}

			if keys["Name"] && keys["Run"] {
				checks++

				if !keys["Runbook"] {
					t.Errorf("%s: a health check has no Runbook", s.path)
				}
			}

			return true
		})
	}

	if checks < 5 {
		t.Errorf("found only %d checks", checks)
	}
}

// TestRunbookHasEveryTaskError checks the error codes with which tasks and jobs
// end.
func TestRunbookHasEveryTaskError(t *testing.T) {
	t.Parallel()
	page := document(t, runbook)

	begin, codes := false, 0
	for name, value := range constants(t, "internal/state/errors.go") {
		begin = true

		if !strings.HasPrefix(name, "Code") || !isTaskError(name) {
			continue
		}

		codes++

		if !strings.Contains(page, value) {
			t.Errorf("the runbook does not mention %s", value)
		}
	}

	if !begin || codes < 12 {
		t.Errorf("found only %d codes", codes)
	}
}

// isTaskError reports whether a code is stored with a task or a job. The others
// only reject a request.
func isTaskError(name string) bool {
	switch strings.TrimPrefix(name, "Code") {
	case "Invalid",
		"Malformed",
		"TooLarge",
		"UnknownJobType",
		"NotFound",
		"Conflict",
		"Busy",
		"Unavailable",
		"Internal",
		"Unauthorized",
		"Forbidden",
		"MethodNotAllowed":
		return false
	}

	return true
}

// TestMetricsAreDocumented compares docs/telemetry.md and the conditions of
// alarms with the metrics that exist.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	telemetry, page := document(t, "docs/telemetry.md"), document(t, runbook)
	known := map[string]bool{}

	for _, value := range constants(t, "internal/telemetry/keys/keys.go") {
		if !strings.HasPrefix(value, "coremachine.") {
			continue
		}

		if !strings.Contains(telemetry, "`"+value+"`") {
			t.Errorf("docs/telemetry.md does not mention %s", value)
		}

		known[strings.ReplaceAll(value, ".", "_")] = true
	}

	for _, name := range regexp.MustCompile(`coremachine_[a-z_]+`).FindAllString(page, -1) {
		plain := strings.TrimSuffix(strings.TrimSuffix(name, "_total"), "_seconds")
		if !known[plain] {
			t.Errorf("the runbook mentions %s, which is not a metric", name)
		}
	}

	if len(known) < 15 {
		t.Errorf("found only %d metrics", len(known))
	}
}

// constants returns the string constants of a file by name.
func constants(t *testing.T, path string) map[string]string {
	t.Helper()

	all := map[string]string{}

	for _, s := range sources(t) {
		if s.path != filepath.FromSlash(path) {
			continue
		}

		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}

			for _, spec := range g.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok || len(v.Values) != 1 {
					continue
				}

				if literal, ok := v.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
					all[v.Names[0].Name], _ = strconv.Unquote(literal.Value) // the parser accepted it
				}
			}
		}
	}

	return all
}
