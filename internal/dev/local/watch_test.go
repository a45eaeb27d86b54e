package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// write writes a file below a folder, with a time of its own.
func write(t *testing.T, root, path, text string, at time.Time) {
	t.Helper()

	file := filepath.Join(root, path)

	err := errors.Join(
		os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600), os.Chtimes(file, at, at),
	)
	if err != nil {
		t.Fatal(err)
	}
}

func TestTreeHoldsWhatIsBuilt(t *testing.T) {
	t.Parallel()

	root := t.TempDir()
	for _, path := range []string{
		"go.mod", "main.go", "internal/a/a.go", "main_test.go", "README.md", ".hidden.go",
		".git/x.go", ".local/dev/x.go", "testdata/x.go", "_old/x.go", "internal/node_modules/x.go",
	} {
		write(t, root, path, "package x", time.Now())
	}

	found, err := readTree(root)
	if err != nil {
		t.Fatal(err)
	}

	got := differences(nil, found)
	for i, path := range got {
		got[i], _ = filepath.Rel(root, path)
	}

	if want := []string{"go.mod", "internal/a/a.go", "main.go"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestChangesThatFollowEachOtherAreOne writes files at intervals that are
// shorter than the pause before a build.
func TestChangesThatFollowEachOtherAreOne(t *testing.T) {
	t.Parallel()

	root := t.TempDir()
	at := time.Now()
	write(t, root, "a.go", "package a", at)
	write(t, root, "gone.go", "package a", at)

	before, err := readTree(root)
	if err != nil {
		t.Fatal(err)
	}

	synctest.Test(t, func(t *testing.T) {
		begin, after := time.Now(), make(chan tree)

		go func() {
			got, err := awaitChange(t.Context(), root, before)
			if err != nil {
				t.Error(err)
			}

			after <- got
		}()

		const saves = 5
		for i := range saves {
			<-time.After(pollEvery - time.Millisecond)
			write(t, root, "a.go", "package a // changed", at.Add(time.Duration(i+1)*time.Second))
		}

		if err := os.Remove(filepath.Join(root, "gone.go")); err != nil {
			t.Fatal(err)
		}

		changed := differences(before, <-after)
		if want := []string{filepath.Join(root, "a.go"), filepath.Join(root, "gone.go")}; !slices.Equal(changed, want) {
			t.Errorf("got %q, want %q", changed, want)
		}

		if took := time.Since(begin); took < saves*(pollEvery-time.Millisecond) || took > (saves+3)*pollEvery {
			t.Errorf("the change was reported after %s", took)
		}
	})
}

// TestUnchangedTreeIsNotReported also covers a file that is changed and changed
// back.
func TestUnchangedTreeIsNotReported(t *testing.T) {
	t.Parallel()

	root := t.TempDir()
	at := time.Now()
	write(t, root, "a.go", "package a", at)

	before, err := readTree(root)
	if err != nil {
		t.Fatal(err)
	}

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()

		go func() {
			<-time.After(pollEvery / 2)
			write(t, root, "a.go", "package b", at.Add(time.Second))
			<-time.After(pollEvery)
			write(t, root, "a.go", "package a", at)
		}()

		if after, err := awaitChange(ctx, root, before); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v", after, err)
		}
	})
}
