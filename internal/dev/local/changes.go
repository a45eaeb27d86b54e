package local

import (
	"context"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pollEvery is the interval at which the source tree is read. It is also how
// long the tree must be unchanged before a build, because an editor writes
// several files.
const pollEvery = 300 * time.Millisecond

// version identifies the content of a file without reading it.
type version struct {
	modified time.Time
	size     int64
}

// tree holds the files of a module that decide what is built, by their path.
type tree map[string]version

// readTree reads the Go files of a module without its tests, its go.mod and its
// go.sum. It leaves out hidden folders, and folders that the go command
// ignores. A file that disappears in the meantime is left out.
func readTree(root string) (tree, error) {
	found := tree{}

	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()

		switch {
		case err != nil && path != root:
			return nil // deleted in the meantime, or not readable: the build reports it
		case err != nil:
			return err
		case entry.IsDir() && path != root && isIgnored(name):
			return fs.SkipDir
		case entry.IsDir() || !isSource(name):
			return nil
		}

		if info, err := entry.Info(); err == nil {
			found[path] = version{info.ModTime(), info.Size()}
		}

		return nil
	})

	return found, err
}

func isIgnored(folder string) bool {
	return strings.HasPrefix(folder, ".") || strings.HasPrefix(folder, "_") ||
		folder == "testdata" || folder == "node_modules"
}

func isSource(file string) bool {
	return file == "go.mod" || file == "go.sum" ||
		strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") && !strings.HasPrefix(file, ".")
}

// differences returns the paths at which two trees differ, sorted.
func differences(before, after tree) []string {
	var paths []string

	for path, v := range after {
		if before[path] != v {
			paths = append(paths, path)
		}
	}

	for path := range before {
		if _, still := after[path]; !still {
			paths = append(paths, path)
		}
	}

	slices.Sort(paths)

	return paths
}

// awaitChange waits until the tree differs from before and then stays the same
// for one interval. It returns the new tree. A tree that cannot be read counts
// as unchanged.
func awaitChange(ctx context.Context, root string, before tree) (tree, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()

	last := before

	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}

		now, err := readTree(root)
		if err != nil {
			continue
		}

		if maps.Equal(now, last) && !maps.Equal(now, before) {
			return now, nil
		}

		last = now
	}
}
