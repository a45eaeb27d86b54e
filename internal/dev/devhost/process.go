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

// outputTimeout limits how long to wait for the output of a child that has
// ended, which its own children can keep open.
const outputTimeout = time.Second

// process is one run of the handler.
type process struct {
	id  string
	pid int
	cmd *exec.Cmd
	// done is closed when the process has ended and its output was read. Then
	// code is set.
	done       chan struct{}
	code       int         // exit status; 128 + n after signal n
	lastErrs   *tail       // of stderr
	restarting atomic.Bool // a restart was requested
}

// command describes a process to start.
type command struct {
	path, dir string
	args, env []string
	line      func(stream, line string)
}

// startProcess starts the child directly, without a shell and without stdin.
func startProcess(c command, id string) (*process, error) {
	p := &process{id: id, done: make(chan struct{}), lastErrs: &tail{}}
	p.cmd = exec.Command(c.path, c.args...) //nolint:noctx // ended by kill
	p.cmd.Dir, p.cmd.Env, p.cmd.WaitDelay = c.dir, c.env, outputTimeout
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

		_ = p.cmd.Wait() // the state has more information than the error

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

// kill sends SIGKILL without a warning, like the host.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}

	return err
}

// terminate sends SIGTERM, like a container runtime before it kills.
func (p *process) terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) } // fails if the process has ended

// maxLine is the maximum length of a line. Longer lines are split.
const maxLine = 64 << 10

// lineWriter calls line for each line. Only one goroutine may write to it.
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
