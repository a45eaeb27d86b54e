package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newProject writes a project that uses the engine as a module.
func newProject(t *testing.T, c newAppCmd) project {
	t.Helper()

	dir := filepath.Join(t.TempDir(), "tiles")
	c.Dir = dir

	source, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}

	created, err := c.files(dir, source)
	if err == nil {
		err = writeAll(dir, created, nil)
	}

	if err != nil {
		t.Fatal(err)
	}

	p, found := projectAt(dir)
	if !found {
		t.Fatalf("%s is not a project", dir)
	}

	return p
}

func TestNewAppIsAProjectOfItsOwn(t *testing.T) {
	t.Parallel()

	p := newProject(t, newAppCmd{Job: "first_job"})
	if !p.outside() || p.module != "example.com/tiles" {
		t.Errorf("got %+v", p)
	}

	created := addJob(t, p, "another", "a", "b")

	if diff := cmp.Diff([]string{"another", "first_job"}, declaredTypes(p.root)); diff != "" {
		t.Error(diff)
	}

	for path, text := range created {
		if strings.Contains(string(text), `"coremachine/internal`) {
			t.Errorf("%s imports a package that Go does not allow there", path)
		}
	}
}

func TestNewAppRejectsInvalidArguments(t *testing.T) {
	t.Parallel()

	source := filepath.Join("..", "..")
	used := t.TempDir()

	if err := os.WriteFile(filepath.Join(used, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	for want, c := range map[string]newAppCmd{
		"is not empty":        {Dir: used, Job: "hello"},
		"invalid job name":    {Dir: filepath.Join(used, "new"), Job: "Hello"},
		"invalid module path": {Dir: filepath.Join(used, "new"), Job: "hello", Module: "a b"},
	} {
		if _, err := c.files(c.Dir, source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}

	c := newAppCmd{Source: used}
	if _, err := c.source(t.Context()); err == nil || !strings.Contains(err.Error(), "is not the source tree") {
		t.Errorf("got %v", err)
	}
}

func TestReplaceLineIsRelativeToAFolderNearby(t *testing.T) {
	t.Parallel()

	base := resolved(t.TempDir())
	at := func(parts ...string) string { return filepath.Join(append([]string{base}, parts...)...) }

	for _, c := range []struct{ engine, dir, want string }{
		{at("engine"), at("tiles"), "../engine"},
		{at("engine"), at("apps", "tiles"), "../../engine"},
		{at("engine"), at("a", "b", "c", "tiles"), at("engine")},
		{at("engine"), "/tiles", at("engine")},
	} {
		if got := pathTo(c.engine, c.dir); got != c.want {
			t.Errorf("from %s: got %s, want %s", c.dir, got, c.want)
		}
	}

	if got, want := quotePath("../my engine"), `"../my engine"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestOtherModulesAreNotProjects covers modules that import the engine, or
// nothing, without being an app.
func TestOtherModulesAreNotProjects(t *testing.T) {
	t.Parallel()

	for name, mod := range map[string]string{
		"without handler": "module example.com/x\n\nrequire coremachine v0.0.0\n",
		"without engine":  "module example.com/x\n",
		"empty":           "",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o600); err != nil {
			t.Fatal(err)
		}

		if name == "without engine" {
			if err := os.MkdirAll(filepath.Join(dir, "cmd", "handler"), 0o700); err != nil {
				t.Fatal(err)
			}
		}

		if p, found := projectAt(dir); found {
			t.Errorf("%s: got %+v", name, p)
		}
	}
}
