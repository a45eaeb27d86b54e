package pglocal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProbe(t *testing.T) {
	t.Parallel()

	t.Run("RejectsFolderWithoutServer", func(t *testing.T) {
		t.Parallel()

		if _, err := probe(t.Context(), t.TempDir()); err == nil {
			t.Error("an empty folder was accepted")
		}
	})

	t.Run("RejectsOldServer", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()

		for _, program := range []string{"initdb", "pg_ctl", "postgres"} {
			script := "#!/bin/sh\necho 'postgres (PostgreSQL) 9.6.24'\n"
			if err := os.WriteFile( //nolint:gosec // it is an executable
				filepath.Join(dir, program),
				[]byte(script),
				0o755,
			); err != nil {
				t.Fatal(err)
			}
		}

		_, err := probe(t.Context(), dir)
		if err == nil || !strings.Contains(err.Error(), "the minimum is") {
			t.Errorf("got %v, want a refusal of the version", err)
		}
	})
}

func TestSocketDirIsShortEnough(t *testing.T) {
	t.Parallel()

	for _, home := range []string{"/srv/pg", "/srv/" + strings.Repeat("long", 40)} {
		if dir := (&cluster{home: home, bins: binaries{major: 15}}).socketDir(); len(dir+"/"+socketName) > 103 {
			t.Errorf("socketDir in %q: got %d bytes", home, len(dir))
		}
	}
}
