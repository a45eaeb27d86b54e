package devhost

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// lingering is how long output is awaited from a child that has ended, or from
// what it left behind.
const lingering = time.Second

// process is one start of the handler.
type process struct {
	id       string
	pid      int
	cmd      *exec.Cmd
	done     chan struct{} // closed when it has ended and its output is read; then code is set
	code     int           // exit status; 128 + n after signal n
	lastErrs *tail         // of stderr
	doomed   atomic.Bool   // a restart was asked for
}

// command is what to start.
type command struct {
	path, dir string
	args, env []string
	line      func(stream, line string)
}

// startProcess starts the child directly, without a shell and without stdin.
func startProcess(c command, id string) (*process, error) {
	p := &process{id: id, done: make(chan struct{}), lastErrs: &tail{}}
	p.cmd = exec.Command(c.path, c.args...) //nolint:noctx // the app's own executable, ended by kill
	p.cmd.Dir, p.cmd.Env, p.cmd.WaitDelay = c.dir, c.env, lingering
	p.cmd.SysProcAttr = childAttributes()
	stdout := &lineWriter{line: func(l string) { c.line("stdout", l) }}
	stderr := &lineWriter{line: func(l string) { p.lastErrs.add(l); c.line("stderr", l) }}
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr

	started := make(chan error, 1)

	go func() {
		// The kernel kills the child when the thread that started it ends, so
		// that thread must live as long.
		runtime.LockOSThread()

		defer runtime.UnlockOSThread()

		err := p.cmd.Start()
		started <- err

		if err != nil {
			return
		}

		_ = p.cmd.Wait() // the state tells more than the error

		stdout.flush()
		stderr.flush()

		p.code = exitCode(p.cmd.ProcessState)
		close(p.done)
	}()

	if err := <-started; err != nil {
		return nil, err
	}

	p.pid = p.cmd.Process.Pid

	return p, nil
}

func exitCode(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}

	return s.ExitCode()
}

// kill sends SIGKILL: the host gives no warning.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}

	return err
}

// terminate sends SIGTERM, as a container runtime does before it kills.
func (p *process) terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) } // one that has ended needs none

// maxLine is where an endless line is cut.
const maxLine = 64 << 10

// lineWriter calls line for each line written to it. One goroutine writes to
// it.
type lineWriter struct {
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(b []byte) (int, error) {
	n := len(b)
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break
		}

		w.rest = append(w.rest, b[:i]...)
		w.flush()

		b = b[i+1:]
	}

	w.rest = append(w.rest, b...)
	if len(w.rest) > maxLine {
		w.flush()
	}

	return n, nil
}

func (w *lineWriter) flush() {
	if len(w.rest) == 0 {
		return
	}

	w.line(string(bytes.TrimSuffix(w.rest, []byte{'\r'})))
	w.rest = w.rest[:0]
}
