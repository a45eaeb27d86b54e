package azurite

import (
	"bufio"
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"coremachine/internal/dev/npm"
)

//go:embed npm
var recipe embed.FS

// account is the only one of each server.
const account = "local"

// Options say where to install and how to start.
type Options struct {
	Dir string       // work folder, made where it is missing: the install is kept there
	Log *slog.Logger // nil: slog.Default
}

// Server is a running Azurite. Stop it once.
type Server struct {
	cmd  *exec.Cmd
	pipe io.Closer // its standard input: it ends when this is closed
	key  string
	url  string
	done chan struct{} // closed when it has ended and its output is read
}

// Limits of a start and of a stop.
const (
	startWithin = 30 * time.Second
	stopWithin  = 3 * time.Second
)

// Start installs Azurite where that was not done before, which takes about half
// a minute, and starts it.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}

	files, err := fs.Sub(recipe, "npm")
	if err != nil {
		return nil, fmt.Errorf("azurite: %w", err)
	}

	home, err := npm.Install(ctx, npm.Options{Dir: o.Dir, Recipe: files, Log: o.Log})
	if err != nil {
		return nil, fmt.Errorf("azurite: %w", err)
	}

	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("azurite: %w", err)
	}

	var key [64]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("azurite: %w", err)
	}

	s := &Server{key: base64.StdEncoding.EncodeToString(key[:]), done: make(chan struct{})}
	// It outlives ctx, which bounds the start only. Its API is older than the
	// client's, which uses nothing new.
	s.cmd = exec.Command(
		node,
		"run.js",
		"--blobHost",
		"127.0.0.1",
		"--blobPort",
		"0", //nolint:noctx // as said
		"--inMemoryPersistence",
		"--disableTelemetry",
		"--skipApiVersionCheck",
		"--silent",
	)
	s.cmd.Dir = home
	s.cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+account+":"+s.key)

	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us; it stays until we let go
	if err := s.start(ctx); err != nil {
		return nil, fmt.Errorf("azurite: %w", err)
	}

	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	pipe, err := s.cmd.StdinPipe()
	if err != nil {
		return err
	}

	s.pipe = pipe
	out, in := io.Pipe()

	s.cmd.Stdout, s.cmd.Stderr = in, in
	if err := s.cmd.Start(); err != nil {
		return err
	}

	ready := make(chan string, 1)

	var said tail

	read := make(chan struct{})
	go func() {
		defer close(read)

		lines := bufio.NewScanner(out)
		for lines.Scan() {
			said.add(lines.Text())

			if _, address, found := strings.Cut(lines.Text(), "successfully listens on "); found {
				ready <- strings.TrimSpace(address)
			}
		}

		_, _ = io.Copy(io.Discard, out) // whatever it says must not hold it up
	}()
	go func() {
		_ = s.cmd.Wait() // it only matters that it ended
		_ = in.Close()

		<-read
		close(s.done)
	}()

	limit, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()

	select {
	case s.url = <-ready:
		return nil
	case <-s.done:
		return fmt.Errorf("it did not start: %s", said.text())
	case <-limit.Done():
		return errors.Join(fmt.Errorf("it did not start in time: %w", limit.Err()), s.Stop())
	}
}

// Connection is the connection string of the account, its key included.
func (s *Server) Connection() string {
	return "DefaultEndpointsProtocol=http;AccountName=" + account + ";AccountKey=" + s.key + ";BlobEndpoint=" + s.URL() + ";"
}

// URL is the address of the account's blob service.
func (s *Server) URL() string { return s.url + "/" + account }

// Account is the account's name and key.
func (s *Server) Account() (name, key string) { return account, s.key }

// PID is its process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Stop ends the server and forgets its blobs.
func (s *Server) Stop() error {
	_ = s.pipe.Close() // it may have ended already

	timer := time.NewTimer(stopWithin)
	defer timer.Stop()

	select {
	case <-s.done:
		return nil
	case <-timer.C:
	}

	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("azurite: %w", err)
	}

	<-s.done

	return nil
}

// tail keeps the last of what a program said, where the reason is.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()

	if t.lines = append(t.lines, line); len(t.lines) > 20 {
		t.lines = t.lines[1:]
	}
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()

	return strings.Join(t.lines, "\n")
}
