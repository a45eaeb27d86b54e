package rasterfiles

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

func TestOnlyFilesWithTheirChecksumsAreInstalled(t *testing.T) {
	t.Parallel()

	sum := sha256.Sum256([]byte("content"))
	s := Source{Package: "two", Sums: map[string]string{
		"a.tif": hex.EncodeToString(sum[:]), "folder/b.tif": hex.EncodeToString(sum[:]),
	}}
	from, dir := t.TempDir(), t.TempDir()

	write := func(name, content string) {
		if err := errors.Join(
			os.MkdirAll(filepath.Join(from, "folder"), 0o700),
			os.WriteFile(filepath.Join(from, name), []byte(content), 0o600),
		); err != nil {
			t.Fatal(err)
		}
	}

	write("a.tif", "content")

	if err := s.place(from, dir); err == nil {
		t.Error("a missing file is accepted")
	}

	write("folder/b.tif", "other content")

	if err := s.place(from, dir); err == nil || !strings.Contains(err.Error(), "folder/b.tif has the checksum ") {
		t.Errorf("got %v, want the file whose checksum differs", err)
	}

	if _, err := s.Files(dir); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("got %v, want %v", err, ErrNotInstalled)
	}

	write("folder/b.tif", "content")

	for range 2 { // the second time, the files are there
		if err := s.place(from, dir); err != nil {
			t.Error(err)
		}
	}

	files, err := s.Files(dir)
	if err != nil || len(files) != 2 || filepath.Base(files[1]) != "b.tif" {
		t.Errorf("got %v, %v", files, err)
	}

	s.Sums["a.tif"] = strings.Repeat("0", 64)

	if _, err := s.Files(dir); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("after a change of the list: got %v, want %v", err, ErrNotInstalled)
	}

	if left, err := filepath.Glob(filepath.Join(dir, "part-*")); err != nil || len(left) != 0 {
		t.Errorf("temporary folders are left: %v, %v", left, err)
	}
}

func TestNamesAreUnique(t *testing.T) {
	t.Parallel()

	seen := map[string]string{}

	for _, s := range Sources {
		for name, sum := range s.Sums {
			if other, twice := seen[path.Base(name)]; twice || len(sum) != 64 {
				t.Errorf("%s of %s has the checksum %q, and is in %q too", name, s.Package, sum, other)
			}

			seen[path.Base(name)] = s.Package
		}
	}
}
