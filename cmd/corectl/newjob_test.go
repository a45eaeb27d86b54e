package main

import (
	"encoding/json"
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

// TestNewJobsBuildAndPassTheirOwnTests lays jobs over the tree of the engine. It
// uses unlikely names, because a checkout may already contain new jobs. In one of
// them it changes what a user changes first, the names of parameters, inputs and
// results: its tests must say what to change in them.
func TestNewJobsBuildAndPassTheirOwnTests(t *testing.T) {
	t.Parallel()

	change := strings.NewReplacer(
		"json:\"n\"", "json:\"rows\"", "\"n\", ", "\"rows\", ",
		"json:\"item\"", "json:\"row\"", "json:\"note\"", "json:\"words\"",
	)

	out := testWithJobs(t, map[string][]string{
		"new_job_solo": {"work"}, "new_job_pair": {"a", "b"},
		"new_job_tiles": {"scan", "measure", "weigh", "summarise"}, "new_job_changed": {"scan", "measure", "sum"},
	}, func(name, text string) string {
		if name == "new_job_changed" {
			return change.Replace(text)
		}

		return text
	})

	for _, want := range []string{
		"--- PASS: TestNewJobSoloCompletes", "--- PASS: TestNewJobPairCompletes", "--- PASS: TestNewJobTilesCompletes",
		"--- PASS: TestNewJobTilesPlans", "--- PASS: TestNewJobTilesRefusesBadParameters",
		"--- PASS: TestNewJobPairHandlers", "--- PASS: TestNewJobTilesHandlers",
		"--- PASS: TestNewJobChangedCompletes",
		"--- FAIL: TestNewJobChangedPlans", "if you changed the parameters or the input, change this test",
		"--- FAIL: TestNewJobChangedHandlers", "if you changed the handler, change its line in this test",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}

	if n := strings.Count(out, "--- FAIL: "); n != 2 {
		t.Errorf("%d tests fail, want those of the changed job that know its names:\n%s", n, out)
	}
}

// testWithJobs runs the tests that belong to new jobs, in the tree of the engine
// with the files of the jobs laid over it, and returns what they print. It writes
// nothing there. change returns the text of a file that is not a test.
func testWithJobs(t *testing.T, jobs map[string][]string, change func(name, text string) string) string {
	t.Helper()

	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}

	var (
		names []string
		files = map[string][]byte{}
	)

	for name, stages := range jobs {
		job, err := describeJob(name, stages)
		if err != nil {
			t.Fatal(err)
		}

		created, edited, err := job.render(project{root: root, module: engine}, func(path string) ([]byte, error) {
			if text, ok := files[path]; ok {
				return text, nil
			}

			return os.ReadFile(filepath.Join(root, path))
		})
		if err != nil {
			t.Fatal(err)
		}

		maps.Copy(files, edited)

		for path, text := range created {
			if !strings.HasSuffix(path, "_test.go") {
				text = []byte(change(name, string(text)))
			}

			files[path] = text
		}

		names = append(names, job.Go)
	}

	cmd := exec.CommandContext(t.Context(), "go", "test", "-v", "-vet=all", "-overlay="+overlay(t, root, files),
		"-run", "Check|"+strings.Join(names, "|"), "./internal/jobs", "./internal/handlers")
	cmd.Dir = root

	out, err := cmd.CombinedOutput()
	if len(out) == 0 {
		t.Fatal(err)
	}

	return string(out)
}

// overlay writes files into a folder of their own, and returns the path of a
// file from which the go command knows their places in the tree at root.
func overlay(t *testing.T, root string, files map[string][]byte) string {
	t.Helper()

	dir := t.TempDir()
	replace := map[string]string{}

	for path, text := range files {
		place := filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
		replace[filepath.Join(root, path)] = place

		if err := os.WriteFile(place, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}

	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}

	return list
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
