package rasterfiles

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"coremachine/internal/dev/npm"
)

//go:embed npm
var recipe embed.FS

// ErrNotInstalled means that the files of a source are not there.
var ErrNotInstalled = errors.New("rasterfiles: the files are not installed")

// installTimeout limits the download of a package.
const installTimeout = 5 * time.Minute

// InstallAll installs the sources that are missing in a directory, which takes
// some seconds. If a source cannot be installed, it installs the others.
func InstallAll(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()

	var all error

	for _, s := range Sources {
		if _, err := s.Files(dir); err == nil {
			continue
		}

		if err := s.install(ctx, dir); err != nil {
			all = errors.Join(all, fmt.Errorf("rasterfiles: %s: %w", s.Package, err))
		}
	}

	return all
}

// Files returns the paths of the files of a source in a directory, or
// ErrNotInstalled.
func (s Source) Files(dir string) ([]string, error) {
	home := s.home(dir)
	if _, err := os.Stat(home); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNotInstalled, s.Package)
	}

	var all []string
	for _, name := range s.names() {
		all = append(all, filepath.Join(home, path.Base(name)))
	}

	return all, nil
}

func (s Source) names() []string { return slices.Sorted(maps.Keys(s.Sums)) }

// home is the directory of the files. A change of the list changes its name.
func (s Source) home(dir string) string {
	sum := sha256.New()
	for _, name := range s.names() {
		_, _ = fmt.Fprintln(sum, name, s.Sums[name]) // writing to a hash does not fail
	}

	return filepath.Join(dir, s.Package+"-"+hex.EncodeToString(sum.Sum(nil)[:8]))
}

func (s Source) install(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // every account may read the files
		return err
	}

	part, err := os.MkdirTemp(dir, "part-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(part) }() // best effort

	files, err := s.fetch(ctx, part)
	if err != nil {
		return err
	}

	return s.place(files, dir)
}

// fetch unpacks the package below part and returns the folder of the files.
func (s Source) fetch(ctx context.Context, part string) (string, error) {
	if !s.npm {
		return filepath.Join(part, filepath.FromSlash(s.Folder)), unpackDebian(ctx, s.Package, part)
	}

	files, err := fs.Sub(recipe, "npm")
	if err != nil {
		return "", err
	}

	home, err := npm.Install(ctx, npm.Options{
		Dir: filepath.Join(part, "npm"), Recipe: files, Log: slog.New(slog.DiscardHandler),
	})

	return filepath.Join(home, filepath.FromSlash(s.Folder)), err
}

// place copies the files to a temporary directory and renames it, so that the
// final one is always complete.
func (s Source) place(from, dir string) error {
	part, err := os.MkdirTemp(dir, "part-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(part) }() // does not exist after a success

	if err := os.Chmod(part, 0o755); err != nil { //nolint:gosec // every account may read the files
		return err
	}

	for _, name := range s.names() {
		if err := s.keep(name, from, part); err != nil {
			return err
		}
	}

	if err := os.Rename(part, s.home(dir)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}

	return nil // another process may have been faster
}

// keep copies a file that has the right checksum.
func (s Source) keep(name, from, to string) error {
	data, err := os.ReadFile(filepath.Join(from, filepath.FromSlash(name)))
	if err != nil {
		return err
	}

	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != s.Sums[name] {
		return fmt.Errorf("%s has the checksum %x, want %s", name, sum, s.Sums[name])
	}

	//nolint:gosec // every account may read the files
	return os.WriteFile(filepath.Join(to, path.Base(name)), data, 0o644)
}
