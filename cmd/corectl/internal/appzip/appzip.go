// Package appzip builds the package for deployment. It contains exactly what
// `func azure functionapp publish` would upload: host.json, one folder per
// function with its function.json, and the executable with its exec bit.
//
// It owns the list of files in the app. The same sources produce the same
// bytes, so packages can be compared. It stores nothing that a crash could
// damage, and an incomplete package is not a valid zip file.
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

// executableName must equal defaultExecutablePath in host.json exactly, because
// the publisher sets the exec bit of that entry only.
const executableName = "handler"

// Write writes the package of the app whose sources are below root (host.json,
// function.json/), with the executable at the given path.
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
	defer func() { _ = in.Close() }() // the file was only read

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
