package main

import (
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "update the golden files")

func TestNewJobFiles(t *testing.T) {
	t.Parallel()
	p := testProject(t)

	for name, stages := range map[string][]string{"plain": {"work"}, "tile_index": {"scan", "measure", "summarise"}} {
		job, err := describeJob(name, stages)
		if err != nil {
			t.Fatal(err)
		}

		created, edited, err := job.files(p)
		if err != nil {
			t.Fatal(err)
		}

		var b strings.Builder

		for _, files := range []map[string][]byte{created, edited} {
			for _, path := range slices.Sorted(maps.Keys(files)) {
				b.WriteString("== " + path + "\n" + string(files[path]))
			}
		}

		compareGolden(t, "new_"+name, b.String())
	}
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()

	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// testProject creates a project that contains only the two maps.
func testProject(t *testing.T) project {
	t.Helper()

	root := t.TempDir()
	for path, text := range map[string]string{
		"internal/jobs/all.go": "package jobs\n\nimport \"coremachine/internal/jobs/define\"\n\n" +
			"// All is every job.\nvar All = map[string]define.Job{\n\t\"hello_world\": HelloWorld,\n}\n",
		"internal/handlers/all.go": "package handlers\n\n// All is every handler.\n" +
			"var All = map[string]Handler{\n\tstring(Reply): Func(reply),\n}\n",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o700); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	return project{root: root, module: engine}
}

// TestNewJobsBuildAndPassTheirOwnTests writes jobs into a copy of the packages
// to which they belong. It uses unlikely names, because a checkout may already
// contain new jobs.
func TestNewJobsBuildAndPassTheirOwnTests(t *testing.T) {
	t.Parallel()

	root := t.TempDir()
	for _, path := range []string{
		"internal/cron", "internal/state", "internal/raster", "internal/jobs", "internal/handlers",
	} {
		if err := os.CopyFS(
			filepath.Join(root, path),
			os.DirFS(filepath.Join("..", "..", path)),
		); err != nil {
			t.Fatal(err)
		}
	}

	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(root, name), text, 0o600)
		}

		if err != nil {
			t.Fatal(err)
		}
	}

	var names []string

	for name, stages := range map[string][]string{
		"new_job_solo": {"work"}, "new_job_pair": {"a", "b"},
		"new_job_tiles": {"scan", "measure", "summarise"},
	} {
		job, err := describeJob(name, stages)
		if err != nil {
			t.Fatal(err)
		}

		created, edited, err := job.files(project{root: root, module: engine})
		if err == nil {
			err = writeAll(root, created, edited)
		}

		if err != nil {
			t.Fatal(err)
		}

		names = append(names, job.Go)
	}

	cmd := exec.CommandContext(
		t.Context(),
		"go",
		"test",
		"-vet=all",
		"-run",
		"Check|"+strings.Join(names, "|"),
		"./internal/jobs",
		"./internal/handlers",
	)

	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNewJobRejectsInvalidNames(t *testing.T) {
	t.Parallel()

	for _, name := range []string{
		"", "Tile", "tile-index", "1tile", "tile_", "tile_test", "tile_windows", "tile_arm64", "all", "doc",
	} {
		if _, err := describeJob(name, []string{"work"}); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}

	for _, stages := range [][]string{{"a", "a"}, {""}, {"A"}} {
		if _, err := describeJob("tile", stages); err == nil {
			t.Errorf("stages %q were accepted", stages)
		}
	}

	p := testProject(t)

	job, err := describeJob("tile", []string{"work"})
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(filepath.Join(p.root, "internal", "jobs", "tile.go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	if _, _, err := job.files(p); err == nil {
		t.Error("an existing file would be overwritten")
	}
}
