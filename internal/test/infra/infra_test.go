package infra

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"coremachine/internal/test/pgtest"
)

// TestMain also enters the image.
func TestMain(m *testing.M) {
	if image := os.Getenv(imageRoot); image != "" {
		os.Exit(enterImage(image, os.Args))
	}

	pgtest.Main(m)
}

var update = flag.Bool("update", false, "rewrite the table of settings in docs/deploy.md")

const root = "../../.."

// repository returns the files that the rules compare. The entry "log" contains
// the messages of all log records. The caller must not change the map.
func repository(t *testing.T) map[string]string {
	t.Helper()

	files, err := readRepository()
	if err != nil {
		t.Fatal(err)
	}

	return files
}

var readRepository = sync.OnceValues(func() (map[string]string, error) {
	files := map[string]string{}

	for _, pattern := range []string{
		"infra/*.bicep", "infra/*.json", "infra/hooks/*", "infra/sql/*",
		"azure.yaml", "host.json", "function.json/*.json", "docs/*.md", "docs/adr/*.md",
		".github/smoke.sh", ".github/workflows/deploy.yml", "infra/kubernetes/*/*.yaml", "Dockerfile",
	} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", pattern, err)
		}

		if len(names) == 0 {
			return nil, fmt.Errorf("no file matches %s", pattern)
		}

		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}

			below, err := filepath.Rel(root, name)
			if err != nil {
				return nil, err
			}

			files[filepath.ToSlash(below)] = string(content)
		}
	}

	var err error

	files["log"], err = logMessages()

	return files, err
})

// cached returns a function that remembers what f returns for the content of a
// file. A planted mistake changes one file of many, and the race detector makes
// the search of a file slow.
func cached[V any](f func(content string) V) func(string) V {
	var known sync.Map // content -> V

	return func(content string) V {
		v, found := known.Load(content)
		if !found {
			v, _ = known.LoadOrStore(content, f(content))
		}

		return v.(V) //nolint:forcetypeassert // the map has no other values
	}
}

var logged = regexp.MustCompile(`(?s)\.(?:Info|Warn|Error)\(\s*"([^"]+)"`)

func logMessages() (string, error) {
	var b strings.Builder

	for _, pattern := range []string{"internal/app/*.go", "internal/coremachine/*.go"} {
		names, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				return "", err
			}

			for _, m := range logged.FindAllStringSubmatch(string(content), -1) {
				b.WriteString(m[1] + "\n")
			}
		}
	}

	return b.String(), nil
}

func TestTemplatesFollowTheCode(t *testing.T) {
	t.Parallel()

	for _, f := range findings(repository(t)) {
		t.Error(f)
	}
}

// TestReaderStaysSmall keeps the reader of Bicep from growing into a compiler.
func TestReaderStaysSmall(t *testing.T) {
	t.Parallel()

	content, err := os.ReadFile("bicep_test.go")
	if err != nil {
		t.Fatal(err)
	}

	if lines := strings.Count(string(content), "\n"); lines > 300 {
		t.Errorf("%d lines, want at most 300", lines)
	}
}
