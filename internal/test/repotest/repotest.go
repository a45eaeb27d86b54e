package repotest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// functions is the number of folders with a function.json in the app.
const functions = 9

// Root returns the folder of go.mod. Tests run in the folder of their package.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("repotest: %w", err)
	}

	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}

		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("repotest: no go.mod above the working folder")
		}

		dir = parent
	}
}

// BuildAsDelivered makes the builds that this process starts use the settings of
// make build. Otherwise they would compile all packages once more, since the
// build cache keeps packages by these settings, and linking would take twice as
// long. Call it in TestMain.
func BuildAsDelivered() {
	for name, value := range map[string]string{
		"CGO_ENABLED": "0", "GOFLAGS": os.Getenv("GOFLAGS") + " '-ldflags=-s -w'",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err) // the names are valid
		}
	}
}

// AppFolder returns a folder with the Functions app as make build lays it out,
// without the executable. It is removed with the test.
func AppFolder(t testing.TB) string {
	t.Helper()

	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}

	app := t.TempDir()
	copyFile(t, filepath.Join(root, "host.json"), filepath.Join(app, "host.json"))

	sources, err := filepath.Glob(filepath.Join(root, "function.json", "*.json"))
	if err != nil || len(sources) != functions {
		t.Fatalf("found %d functions, want %d; %v", len(sources), functions, err)
	}

	for _, source := range sources {
		folder := filepath.Join(app, strings.TrimSuffix(filepath.Base(source), ".json"))
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}

		copyFile(t, source, filepath.Join(folder, "function.json"))
	}

	return app
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()

	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
