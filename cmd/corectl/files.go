package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// readFile decodes a JSON file of a folder.
func readFile[T any](dir, name string) (T, error) {
	var v T

	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return v, err
	}

	return v, json.Unmarshal(text, &v)
}

// readList reads a list that only saves typing from a JSON file. It is empty if
// there is no folder, or if the file cannot be read.
func readList[T any](dir, name string) []T {
	if dir == "" {
		return nil
	}

	list, err := readFile[[]T](dir, name)
	if err != nil {
		return nil
	}

	return list
}

// writeFile replaces a JSON file of a folder, which only this user may read. If
// two processes write at the same time, the later one wins, and the file is
// always whole.
func writeFile(dir, name string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}

	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}

	part, err := os.CreateTemp(dir, "."+name+"-*") // with the mode 0600
	if err != nil {
		return err
	}

	_, err = part.Write(append(text, '\n'))

	err = errors.Join(err, part.Close())
	if err == nil {
		err = os.Rename(part.Name(), filepath.Join(dir, name))
	}

	if err != nil {
		_ = os.Remove(part.Name())
	}

	return err
}
