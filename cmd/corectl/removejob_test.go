package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// addJob adds a job to a project, and returns the files that it created.
func addJob(t *testing.T, p project, name string, stages ...string) (created map[string][]byte) {
	t.Helper()

	job, err := describeJob(name, stages)
	if err != nil {
		t.Fatal(err)
	}

	created, edited, err := job.files(p)
	if err == nil {
		err = writeAll(p.root, created, edited)
	}

	if err != nil {
		t.Fatal(err)
	}

	return created
}

// removeJob runs the command in a project.
func removeJob(t *testing.T, fake *api, p project, o outside, c removeJobCmd) result {
	t.Helper()

	con, out, errOut := fake.console(o)

	a, err := newApp(con, globals{}, "remove")
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()

	text, code := explain(c.remove(t.Context(), a, p), a.context)

	return result{out: out.String(), err: errOut.String() + text, code: code}
}

// contents returns the files of a project.
func contents(t *testing.T, p project) map[string]string {
	t.Helper()

	files := map[string]string{}

	tree := os.DirFS(p.root)

	err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if entry.IsDir() && entry.Name() == ".git" {
			return fs.SkipDir
		}

		if err != nil || entry.IsDir() {
			return err
		}

		text, err := fs.ReadFile(tree, path)
		files[path] = string(text)

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return files
}

// commitAll records the project in a repository of its own.
func commitAll(t *testing.T, p project) {
	t.Helper()

	for _, args := range [][]string{
		{"init", "-q"},
		{"add", "-A"},
		{"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "--no-gpg-sign", "-m", "all"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", p.root}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v %s", args, err, out)
		}
	}
}

// quiet answers that a job has no runs.
func quiet(t *testing.T) *api {
	t.Helper()
	return newAPI(t).on("GET /jobs", answer(200, page[view.JobSummary]("")))
}

func TestRemovingANewJobRestoresTheProject(t *testing.T) {
	t.Parallel()

	grouped := testProject(t)
	edit(t, grouped, "internal/handlers/all.go", "string(Reply): Func(reply),\n", `string(Greeting): Func(greeting),

	// Replies.
	string(Reply): Func(reply),
`)

	for name, p := range map[string]project{
		"in the fork":        testProject(t),
		"with groups":        grouped,
		"in another project": newProject(t, newAppCmd{Job: "first_job"}),
	} {
		before := contents(t, p)

		for _, stages := range [][]string{{"work"}, {"scan", "measure", "summarise"}} {
			addJob(t, p, "tile_index", stages...)
			addJob(t, p, "zoo", stages...)

			fake := quiet(t)
			for _, job := range []string{"tile_index", "zoo"} {
				got := removeJob(t, fake, p, outside{}, removeJobCmd{Name: job, Yes: true})
				if got.code != exitOK || !strings.Contains(got.out, "removed  internal/handlers/"+job+"_test.go\n") ||
					!strings.Contains(got.err, job+" has no unfinished runs at http://") {
					t.Errorf("%s: got %+v", name, got)
				}
			}

			if diff := cmp.Diff(before, contents(t, p)); diff != "" {
				t.Errorf("%s, %q (-before +after):\n%s", name, stages, diff)
			}
		}
	}
}

func TestEditedJobIsRemovedOnlyIfItIsCommitted(t *testing.T) {
	t.Parallel()

	p := testProject(t)
	addJob(t, p, "tile_index", "scan", "summarise")

	before := contents(t, p)
	edit(t, p, "internal/handlers/tile_index.go", `"scan of item %d"`, `"my own work on %d"`)
	edit(t, p, "internal/handlers/all.go", "Func(tileIndexScan)", "Func(tileIndexScan, Long())")

	edited := contents(t, p)
	remove := removeJobCmd{Name: "tile_index", Yes: true}

	const files, entry = "internal/handlers/tile_index.go was edited and is not committed",
		"internal/handlers/all.go: the entry string(TileIndexScan) was edited to Func(tileIndexScan, Long())"

	got := removeJob(t, quiet(t), p, outside{}, remove)
	if got.code != exitOther || !strings.Contains(got.err, files) || !strings.Contains(got.err, entry) ||
		strings.Contains(got.err, "internal/jobs/tile_index.go") {
		t.Errorf("got %+v", got)
	}

	if diff := cmp.Diff(edited, contents(t, p)); diff != "" {
		t.Errorf("a refused removal changed (-before +after):\n%s", diff)
	}

	commitAll(t, p)

	if got := removeJob(t, quiet(t), p, outside{}, remove); got.code != exitOK {
		t.Errorf("after a commit: got %+v", got)
	}

	after := contents(t, p)
	for path := range maps.Keys(before) {
		if _, left := after[path]; left && strings.Contains(path, "tile_index") {
			t.Errorf("%s is left", path)
		}
	}
}

// TestUsedJobIsNotRemoved has a schedule, another handler and another package
// use its declarations.
func TestUsedJobIsNotRemoved(t *testing.T) {
	t.Parallel()

	p := testProject(t)
	addJob(t, p, "tile", "work")
	edit(t, p, "internal/jobs/all.go", "// All is every job.",
		"// Schedules has one.\nvar Schedules = []any{Tile, TileParams{N: 5}}\n\n// All is every job.")

	for path, text := range map[string]string{
		"internal/handlers/other.go": "package handlers\n\nvar _ = TileWorkInput{}\n\n" +
			"func f(TileWork int) int { return TileWork }\n",
		"cmd/x/main.go": "package main\n\nimport own \"coremachine/internal/jobs\"\n\n" +
			"var Tile = own.Tile\n\nfunc main() { _ = Tile }\n",
	} {
		file := filepath.Join(p.root, path)

		err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}

	got := removeJob(t, quiet(t), p, outside{}, removeJobCmd{Name: "tile", Yes: true})

	const want = `tile cannot be removed safely:
  cmd/x/main.go:5 uses own.Tile
  internal/handlers/other.go:3 uses TileWorkInput
  internal/jobs/all.go:6 uses Tile
  internal/jobs/all.go:6 uses TileParams
Nothing was changed.`
	if got.code != exitOther || got.err != want {
		t.Errorf("got %+v, want %s", got, want)
	}
}

func TestRemoveJobAsksAndChecksTheRuns(t *testing.T) {
	t.Parallel()

	p := testProject(t)
	addJob(t, p, "tile", "work")

	before := contents(t, p)
	gone := newAPI(t)
	gone.server.Close()

	busy := newAPI(t).on("GET /jobs", answer(200, page("", run3(state.JobRunning).JobSummary)))

	for name, c := range map[string]struct {
		api  *api
		o    outside
		cmd  removeJobCmd
		code int
		want string
	}{
		"dry run": {quiet(t), outside{}, removeJobCmd{Name: "tile", DryRun: true}, exitOK, "no unfinished runs"},
		"denied": {
			quiet(t), outside{tty: true, in: "n\n"}, removeJobCmd{Name: "tile"}, exitOther, "Remove the job tile from ",
		},
		"no terminal": {quiet(t), outside{}, removeJobCmd{Name: "tile"}, exitUsage, "Add --yes"},
		"runs": {
			busy, outside{}, removeJobCmd{Name: "tile", Yes: true}, exitOther, "tile has unfinished runs at http://",
		},
		"no API": {
			gone,
			outside{},
			removeJobCmd{Name: "tile", DryRun: true},
			exitOK,
			"Unfinished runs were not checked, because the API gave no list: Cannot reach",
		},
		"unknown": {
			quiet(t), outside{}, removeJobCmd{Name: "tle"}, exitNotFound, `has no job "tle". Did you mean tile?`,
		},
		"path": {quiet(t), outside{}, removeJobCmd{Name: "../x"}, exitUsage, "invalid job name"},
	} {
		got := removeJob(t, c.api, p, c.o, c.cmd)
		if got.code != c.code || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: got %+v, want exit %d and %q", name, got, c.code, c.want)
		}
	}

	if diff := cmp.Diff(before, contents(t, p)); diff != "" {
		t.Errorf("the project has changed (-before +after):\n%s", diff)
	}

	if seen := busy.requests(); len(seen) != 1 || !strings.Contains(seen[0], "status=queued&status=running&type=tile") {
		t.Errorf("got %q", seen)
	}
}
