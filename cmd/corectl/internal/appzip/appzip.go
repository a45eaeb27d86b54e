// Package appzip makes the package that is deployed: exactly what `func azure
// functionapp publish` would upload, and nothing else in it: host.json, one
// folder a function with its function.json, and the executable with its exec
// bit.
//
// It owns the list of what belongs in the app. The same sources give the same
// bytes, so a package can be compared; nothing is kept that a crash could
// break, and a package that was cut off is no zip.
//
// It may import internal/funchost for the table of functions.
package appzip

import (
	"archive/zip"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"coremachine/internal/funchost"
)

// executableName must equal defaultExecutablePath of host.json to the letter:
// only that entry gets its exec bit from the publisher.
const executableName = "handler"

// Write writes the package of the app whose sources are below root (host.json,
// function.json/), with the executable at the path given.
func Write(w io.Writer, root, executable string) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(
		zip.Deflate,
		func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) },
	)

	if err := add(z, executableName, executable, 0o755); err != nil {
		return err
	}

	if err := add(z, "host.json", filepath.Join(root, "host.json"), 0o644); err != nil {
		return err
	}

	for _, f := range funchost.Functions {
		source := filepath.Join(root, "function.json", f.Name+".json")
		if err := add(z, f.Name+"/function.json", source, 0o644); err != nil {
			return err
		}
	}

	return z.Close()
}

func add(z *zip.Writer, name, source string, mode fs.FileMode) error {
	in, err := os.Open(source)
	if err != nil {
		return fmt.Errorf("appzip: %w", err)
	}
	defer func() { _ = in.Close() }() // it was only read

	h := &zip.FileHeader{
		Name:     name,
		Method:   zip.Deflate,
		Modified: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	h.SetMode(mode) // a regular file: 0100755 or 0100644 in the zip's Unix attributes

	out, err := z.CreateHeader(h)
	if err != nil {
		return fmt.Errorf("appzip: %w", err)
	}

	if _, err := io.Copy(out, in); err != nil {
		return fmt.Errorf("appzip: %w", err)
	}

	return nil
}
