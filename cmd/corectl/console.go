package main

import (
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/term"

	"coremachine/internal/client"
	"coremachine/internal/config"
)

// console is the environment of a command. Tests replace it.
type console struct {
	in       io.Reader
	out, err io.Writer
	inTTY    bool
	outTTY   bool
	errTTY   bool
	size     func() (columns, rows int) // size of the terminal, read for each frame
	getenv   func(string) string
	now      func() time.Time
	stateDir string // folder of the recent ids and lists; empty if there is none
	// configDir is the folder of the contexts; empty if there is none.
	configDir string
	open      func(address string) error
	program   string // how a shell starts this program again; empty means corectl
}

func systemConsole() *console {
	environ := config.FromEnvironment()
	getenv := func(name string) string { return environ[name] }

	return &console{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		inTTY:  term.IsTerminal(int(os.Stdin.Fd())),
		outTTY: term.IsTerminal(int(os.Stdout.Fd())),
		errTTY: term.IsTerminal(int(os.Stderr.Fd())),
		size:   terminalSize, getenv: getenv, now: time.Now, stateDir: stateDir(getenv), open: openBrowser,
		configDir: configDir(getenv), program: programName(os.Args[0]),
	}
}

// programName returns how a shell starts the program again that was started as
// arg. A program of go run is deleted when it ends, so go run starts it again.
func programName(arg string) string {
	if !strings.Contains(filepath.ToSlash(arg), "/go-build") {
		return arg
	}

	info, ok := debug.ReadBuildInfo()
	if !ok || info.Path == "" {
		return arg
	}

	return "go run " + info.Path
}

// commandTo returns the beginning of a command that reaches an API.
func (a *app) commandTo(api string) string {
	command := first(a.program, "corectl")
	if api != client.Default {
		command += " --url " + api
	}

	return command
}

// terminalSize tries standard error first, because frames go there while
// standard output is a pipe.
func terminalSize() (columns, rows int) {
	for _, f := range []*os.File{os.Stderr, os.Stdout} {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}

	return 80, 24
}

func stateDir(getenv func(string) string) string {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "corectl")
	}

	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "corectl")
	}

	return ""
}
