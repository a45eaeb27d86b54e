package tutorial

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNewAppWorksOutsideTheRepository creates a project in an empty folder and
// does there what its README says.
func TestNewAppWorksOutsideTheRepository(t *testing.T) {
	t.Parallel()

	engine, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}

	dir := openFolder(t)
	s := newShell(t, engine)

	for _, step := range []struct{ id, script, want string }{
		{
			"new app", "go run ./cmd/corectl new app " + dir + " --module example.com/tiles && cd " + dir,
			"created …\nnext …",
		},
		{"demo", "make demo N=4 2>&1", "building the handler…\njob completed tasks=5\n{\"items\":4}"},
		{"test", "make test && echo PASSED", "ok …/internal/handlers\nok …/internal/jobs\nPASSED"},
		{"new job", "go tool corectl new job tile_index --stages scan,measure,summarise", "created …tile_index.go"},
		{"test again", "make test && echo PASSED", "ok …/internal/handlers\nok …/internal/jobs\nPASSED"},
		{"complete", "go tool corectl __complete -- submit ''", "hello\ntile_index"},
		{"git", "git init -q . && git add . && git status --short", "A  cmd/handler/main.go"},
	} {
		output := s.run(step.id, step.script)
		if line := missing(step.want, output); line != "" {
			t.Fatalf("%s does not print %q. It prints:\n%s", step.id, line, output)
		}

		if strings.Contains(output, "hello_world") {
			t.Errorf("%s names a job of the engine's own tree:\n%s", step.id, output)
		}
	}
}

// openFolder returns an empty folder that other accounts can enter, because
// Postgres does not run as root.
func openFolder(t *testing.T) string {
	t.Helper()

	dir := t.TempDir()
	for _, dir := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // see above
			t.Fatal(err)
		}
	}

	return dir
}
