package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Folder returns the work folder below the source tree. It creates the folder
// if it is missing.
func Folder(root string) (string, error) {
	home := filepath.Join(root, ".local", "dev")
	return home, os.MkdirAll(home, 0o755) //nolint:gosec // build output for all users
}

// buildApp makes home an app root: host.json, a folder for each function, and
// the handler. It replaces each file atomically and never removes a wanted
// file, because another system may read the same folder at the same time.
func buildApp(ctx context.Context, root, home string) error {
	if err := copyFile(filepath.Join(root, "host.json"), filepath.Join(home, "host.json")); err != nil {
		return err
	}

	sources, err := filepath.Glob(filepath.Join(root, "function.json", "*.json"))
	if err != nil {
		return err
	}

	wanted := map[string]bool{}

	for _, source := range sources {
		folder := filepath.Join(home, strings.TrimSuffix(filepath.Base(source), ".json"))

		wanted[folder] = true
		if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // build output for all users
			return err
		}

		if err := copyFile(source, filepath.Join(folder, "function.json")); err != nil {
			return err
		}
	}

	if err := removeFunctions(home, wanted); err != nil {
		return err
	}

	return buildHandler(ctx, root, home)
}

// removeFunctions removes functions that are no longer in the source tree.
func removeFunctions(home string, wanted map[string]bool) error {
	old, err := filepath.Glob(filepath.Join(home, "*", "function.json"))
	if err != nil {
		return err
	}

	for _, path := range old {
		if folder := filepath.Dir(path); !wanted[folder] {
			if err := os.RemoveAll(folder); err != nil {
				return err
			}
		}
	}

	return nil
}

func buildHandler(ctx context.Context, root, home string) error {
	part, err := os.CreateTemp(home, "handler-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(part.Name()) }() // after a success, the file no longer exists

	// go build does not link again if the file is already up to date. Linking
	// takes several seconds, so start from the last build, if there is one.
	err = errors.Join(copyInto(part, filepath.Join(home, "handler")), part.Close())
	if err != nil {
		return err
	}

	cmd := exec.CommandContext(ctx, "go", "build", "-o", part.Name(), "./cmd/handler")

	cmd.Dir = root

	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0") // as in the package for Azure
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}

		return fmt.Errorf("the handler does not build: %w\n%s", err, bytes.TrimSpace(out))
	}

	if err := os.Chmod(part.Name(), 0o755); err != nil { //nolint:gosec // build output for all users
		return err
	}

	return os.Rename(part.Name(), filepath.Join(home, "handler"))
}

// copyInto appends the file at path to w, if it exists.
func copyInto(w io.Writer, path string) error {
	from, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}

	if err != nil {
		return err
	}

	_, err = io.Copy(w, from)

	return errors.Join(err, from.Close())
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}

	if old, err := os.ReadFile(to); err == nil && bytes.Equal(old, text) {
		return nil
	}

	part, err := os.CreateTemp(filepath.Dir(to), ".part-*")
	if err != nil {
		return err
	}

	_, err = part.Write(text)

	err = errors.Join(err, part.Chmod(0o644), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), to)
	}

	if err != nil {
		_ = os.Remove(part.Name())
	}

	return err
}

// readyWithin limits the wait for a handler that answers but is not ready. Its
// database is available, so it should need only seconds.
const readyWithin = 45 * time.Second

// awaitReady polls readiness in the way a platform's probe does.
func (s *System) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()

	if err := s.host.Ready(ctx); err != nil {
		return fmt.Errorf("the handler does not start: %w", err)
	}

	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()

	for {
		reason := probe(ctx, client, s.URL()+"/health/readyz")
		if reason == nil {
			return nil
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("the handler is not ready: %w", reason)
		case <-s.host.Done():
			return fmt.Errorf("the host stopped: %w", s.host.Err())
		case <-tick.C:
		}
	}
}

func probe(ctx context.Context, client *http.Client, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}

	resp, err := client.Do(req)
	if err != nil {
		return err
	}

	var body bytes.Buffer

	_, err = body.ReadFrom(http.MaxBytesReader(nil, resp.Body, 64<<10))
	if closing := resp.Body.Close(); err != nil || closing != nil {
		return fmt.Errorf("the answer was interrupted: %w", err)
	}

	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %d: %s", resp.StatusCode, bytes.TrimSpace(body.Bytes()))
	}

	return nil
}
