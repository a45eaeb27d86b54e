package main

import (
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"

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
	stateDir string // folder of the recent ids; empty if there is none
	open     func(address string) error
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
	}
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
