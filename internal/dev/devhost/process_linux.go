package devhost

import "syscall"

// childAttributes make the kernel kill the child with us: nothing else would,
// after a crash.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
