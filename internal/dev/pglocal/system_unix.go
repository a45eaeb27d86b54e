//go:build unix

package pglocal

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

type credential = syscall.Credential

func newCredential(uid, gid uint32) *credential { return &credential{Uid: uid, Gid: gid} }

// runAs makes a program run as an account. nil means the account of this
// process.
func runAs(cmd *exec.Cmd, cred *credential) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
}

// ownSession makes a program that runAs prepared outlive the terminal.
func ownSession(cmd *exec.Cmd) { cmd.SysProcAttr.Setsid = true }

// owner returns the account that owns a file.
func owner(info fs.FileInfo) (uid int, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}

	return int(st.Uid), true
}

// exists reports whether a process has the PID. It may be a zombie.
func exists(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// flock takes a lock that ends with the process, if that is possible without
// waiting.
func flock(file *os.File, exclusive bool) (bool, error) {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}

	for {
		err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)

		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		}

		return false, err
	}
}
