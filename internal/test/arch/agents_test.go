package arch

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the table of imports in AGENTS.md")

func TestDocTableOfImports(t *testing.T) {
	t.Parallel()

	const begin, end = "<!-- imports: generated from internal/test/arch -->\n", "<!-- end of imports -->\n"

	path := filepath.Join(root, "AGENTS.md")

	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	before, rest, found := strings.Cut(string(content), begin)

	got, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("AGENTS.md: missing table between %q and %q", begin, end)
	}

	want := markdown()
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o600); err != nil {
			t.Fatal(err)
		}

		return
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("AGENTS.md differs from the table (-want +got); run make verify:\n%s", diff)
	}
}

func markdown() string {
	var b strings.Builder
	b.WriteString("| package | may import | its tests may also import |\n|---|---|---|\n")

	for _, r := range table {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.pkg, list(r.may), list(r.tests))
	}

	fmt.Fprintf(
		&b,
		"\nEvery test may import %s. Every package may import %s.\n",
		list(testHelpers),
		list(common),
	)

	return b.String()
}

func list(names []string) string {
	if len(names) == 0 {
		return "-"
	}

	short := slices.Clone(names)
	for i := range short {
		short[i] = strings.ReplaceAll(short[i], "cmd/corectl/internal/", "its ")
	}

	return strings.Join(short, ", ")
}
