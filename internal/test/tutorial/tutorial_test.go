package tutorial

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const root = "../../.."

// patience is the maximum time for the whole page on a busy machine. On an idle
// one it takes about a minute.
const patience = 10 * time.Minute

// TestTutorialWorks follows the page from its first line to its last, in one
// shell.
func TestTutorialWorks(t *testing.T) {
	t.Parallel()

	page, err := os.ReadFile(root + "/docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}

	clone := copied(t)
	removeJob(t, clone, "tile_index", "TileIndex")
	s := newShell(t, clone)
	outputs := map[string]string{}

	for _, b := range blocks(string(page)) {
		switch b.kind {
		case "sh":
			outputs[b.of["id"]] = s.run(b.of["id"], b.body)
		case "go":
			path := filepath.Join(clone, filepath.FromSlash(b.of["file"]))

			old, err := os.ReadFile(path)
			if err != nil && !strings.HasPrefix(b.body, "package ") {
				t.Fatal(err)
			}

			if err := os.WriteFile(path, []byte(put(t, string(old), b.body, b.of["delete"])), 0o600); err != nil {
				t.Fatal(err)
			}
		case "text":
			output, known := outputs[b.of["of"]]
			if line := missing(b.body, output); !known || line != "" {
				t.Fatalf("%s does not print %q. It prints:\n%s", b.of["of"], line, output)
			}
		}
	}

	if len(outputs) < 12 {
		t.Errorf("the page has only %d blocks to run", len(outputs))
	}
}

// shell is one bash that runs block after block, like the shell of a reader.
type shell struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
	dev string // the command for corectl dev, with a free port instead of 7071, and without its own builds
}

// newShell starts a shell in dir. All its processes end with the test.
func newShell(t *testing.T, dir string) *shell {
	t.Helper()

	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // the listener is TCP
	_ = l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := exec.CommandContext(ctx, "bash")
	cmd.Dir = dir
	// With -trimpath, the build cache serves the packages of the copy,
	// independently of its folder. Without cgo, it has them from the tests of
	// the app package. With -s -w, linking takes half of the time.
	cmd.Env = append(
		cmd.Environ(),
		"GOFLAGS=-trimpath '-ldflags=-s -w'",
		"CGO_ENABLED=0",
		"NO_COLOR=1",
		"DATABASE_URL=",
		"XDG_STATE_HOME="+t.TempDir(),
		fmt.Sprintf("CORECTL_URL=http://127.0.0.1:%d", port),
	)

	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}

	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	cmd.Stderr = cmd.Stdout
	// A shell that hangs is killed with all its processes.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		_, _ = io.WriteString(in, "kill $(jobs -p) 2>/dev/null; wait; exit\n") // the shell may have exited
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()

		cancel()
	})

	// The page changes files faster than corectl dev builds them, and starts it
	// again before it uses a change.
	dev := fmt.Sprintf("corectl dev --no-watch --port %d ", port)

	return &shell{t: t, in: in, out: bufio.NewReader(out), dev: dev}
}

// run runs a block and returns what it printed.
func (s *shell) run(id, script string) string {
	s.t.Helper()

	end := "-- end of " + id + " --"
	begin := time.Now()

	if _, err := fmt.Fprintf(
		s.in,
		"%s\necho; echo '%s'\n",
		strings.ReplaceAll(script, "corectl dev ", s.dev),
		end,
	); err != nil {
		s.t.Fatalf("%s: %v", id, err)
	}

	var output strings.Builder

	for {
		line, err := s.out.ReadString('\n')
		if strings.TrimSpace(line) == end {
			break
		}

		output.WriteString(line)

		if err != nil {
			s.t.Fatalf("%s: %v after\n%s", id, err, output.String())
		}
	}

	s.t.Logf("%s took %.1f s\n%s", id, time.Since(begin).Seconds(), output.String())

	return output.String()
}

// removeJob removes a job from a copy. A checkout in which a reader followed
// the page contains the job of the page.
func removeJob(t *testing.T, clone, name, goName string) {
	t.Helper()

	for _, dir := range []string{"jobs", "handlers"} {
		dir = filepath.Join(clone, "internal", dir)

		files, err := filepath.Glob(filepath.Join(dir, name+"*.go"))
		if err != nil {
			t.Fatal(err)
		}

		for _, file := range files {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}

		all := filepath.Join(dir, "all.go")

		source, err := os.ReadFile(all)
		if err != nil {
			t.Fatal(err)
		}

		var kept strings.Builder

		for line := range strings.Lines(string(source)) {
			if !strings.Contains(line, goName) {
				kept.WriteString(line)
			}
		}

		if err := os.WriteFile(all, []byte(kept.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// copied returns a copy of the project, like a clean clone.
func copied(t *testing.T) string {
	t.Helper()

	to := openFolder(t)
	leave := map[string]bool{".git": true, ".local": true, "bin": true, "handler": true, "node_modules": true}

	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		inside, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}

		if leave[inside] {
			if d.IsDir() {
				return filepath.SkipDir
			}

			return nil
		}

		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, inside), 0o750)
		}

		if !d.Type().IsRegular() {
			return nil
		}

		b, err := os.ReadFile(path) //nolint:gosec // the project's own tree
		if err != nil {
			return err
		}

		return os.WriteFile(filepath.Join(to, inside), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}

	return to
}
