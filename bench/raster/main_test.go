package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"coremachine/internal/test/needs"
)

// TestMain is also the program itself, in the role in which it starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == convertRole {
		main()
	}

	goleak.VerifyTestMain(m)
}

// TestTableHasEveryRaster keeps the benchmark from rotting, with tiny rasters.
func TestTableHasEveryRaster(t *testing.T) {
	t.Parallel()

	_, err := exec.LookPath("gdal_translate")
	needs.Program(t, "gdal_translate", err)

	var out bytes.Buffer

	err = run(t.Context(), options{side: 700, rounds: 1, workers: 2, dir: t.TempDir(), out: &out, progress: io.Discard})
	if err != nil {
		t.Fatal(err)
	}

	for _, want := range []string{
		"| 700 x 700 u8x3, deflate 6 | gdal_translate |", "| 700 x 700 u8x3, zstd 3 | ours |",
		"| 700 x 700 u16, deflate 6 | ours |", "| 700 x 700 u16, zstd 3 | gdal_translate |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, out.String())
		}
	}
}
