package devhost

import "syscall"

// childAttributes makes the kernel kill the child when this process dies, which
// covers a crash.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
