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
	"strconv"
	"strings"
	"sync"
	"time"

	"coremachine/internal/dev/npm"
)

//go:embed npm
var recipe embed.FS

// account is the name of the first account of each server. A number follows it in
// the names of the others.
const account = "local"

// Options configures Start.
type Options struct {
	// Dir is the work directory, which is created if necessary. It keeps the
	// install.
	Dir string
	// InstalledOnly makes Start return npm.ErrNotInstalled instead of installing
	// Azurite, for tests.
	InstalledOnly bool
	// Accounts is the number of storage accounts: 0 means 1. They share a key.
	Accounts int
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// Server is a running Azurite. Stop must be called once.
type Server struct {
	cmd *exec.Cmd
	// pipe is the server's standard input. The server ends when it is closed.
	pipe    io.Closer
	account string
	key     string
	url     string
	// done is closed when the server has ended and its output was read.
	done chan struct{}
}

// Time limits of start and stop.
const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 3 * time.Second
)

// Install installs Azurite if necessary, which takes about 30 s. It returns the
// directory of the install.
func Install(ctx context.Context, o Options) (home string, err error) {
	files, err := fs.Sub(recipe, "npm")
	if err != nil {
		return "", fmt.Errorf("azurite: %w", err)
	}

	home, err = npm.Install(ctx, npm.Options{
		Dir: o.Dir, Recipe: files, InstalledOnly: o.InstalledOnly, Log: o.Log,
	})
	if err != nil {
		return "", fmt.Errorf("azurite: %w", err)
	}

	return home, nil
}

// Start installs Azurite if necessary and starts it.
func Start(ctx context.Context, o Options) (*Server, error) {
	home, err := Install(ctx, o)
	if err != nil {
		return nil, err
	}

	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("azurite: %w", err)
	}

	var key [64]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("azurite: %w", err)
	}

	s := &Server{account: account, key: base64.StdEncoding.EncodeToString(key[:]), done: make(chan struct{})}

	accounts := []string{account + ":" + s.key}
	for number := 1; number < o.Accounts; number++ {
		accounts = append(accounts, nameOf(number)+":"+s.key)
	}

	env := append(os.Environ(), "AZURITE_ACCOUNTS="+strings.Join(accounts, ";"))

	// The server outlives ctx, which only limits the start. Its API version is
	// older than the client's, which does not use newer features.
	s.cmd = exec.Command( //nolint:noctx // it outlives ctx
		node,
		"run.js",
		"--blobHost",
		"127.0.0.1",
		"--blobPort",
		"0",
		"--inMemoryPersistence",
		"--disableTelemetry",
		"--skipApiVersionCheck",
		"--silent",
	)
	s.cmd.Dir = home
	s.cmd.Env = env

	// The server does not get the Ctrl-C of the terminal. It runs until Stop.
	ownGroup(s.cmd)

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

	var output tail

	read := make(chan struct{})
	go func() {
		defer close(read)

		lines := bufio.NewScanner(out)
		for lines.Scan() {
			output.add(lines.Text())

			if _, address, found := strings.Cut(lines.Text(), "successfully listens on "); found {
				ready <- strings.TrimSpace(address)
			}
		}

		_, _ = io.Copy(io.Discard, out) // drain the output, so that the server does not block
	}()
	go func() {
		_ = s.cmd.Wait() // the exit status does not matter
		_ = in.Close()

		<-read
		close(s.done)
	}()

	limit, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()

	select {
	case s.url = <-ready:
		return nil
	case <-s.done:
		return fmt.Errorf("the server did not start: %s", output.text())
	case <-limit.Done():
		return errors.Join(fmt.Errorf("the server did not start in time: %w", limit.Err()), s.Stop())
	}
}

func nameOf(number int) string { return account + strconv.Itoa(number) }

// As returns the same server with another of its accounts, which are numbered from
// 0 on. Each has its own containers. Stop stops the server for all of them.
func (s *Server) As(number int) *Server {
	other := *s
	if number > 0 {
		other.account = nameOf(number)
	}

	return &other
}

// Connection returns the connection string of the account, including its key.
func (s *Server) Connection() string {
	return "DefaultEndpointsProtocol=http;AccountName=" + s.account + ";AccountKey=" + s.key +
		";BlobEndpoint=" + s.URL() + ";"
}

// URL returns the address of the account's blob service.
func (s *Server) URL() string { return s.url + "/" + s.account }

// Account returns the name and the key of the account.
func (s *Server) Account() (name, key string) { return s.account, s.key }

// PID returns the process ID.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Stop ends the server, which discards its blobs.
func (s *Server) Stop() error {
	_ = s.pipe.Close() // fails if the server has ended

	timer := time.NewTimer(stopTimeout)
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

// tail keeps the end of a program's output, which usually contains the reason
// of a failure.
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
