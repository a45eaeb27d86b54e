//go:build !linux

package devhost

import "syscall"

// childAttributes returns nil, because only Linux can kill a child with its
// parent.
func childAttributes() *syscall.SysProcAttr { return nil }
