//go:build !linux

package devhost

import "syscall"

// childAttributes: only Linux kills a child with its parent.
func childAttributes() *syscall.SysProcAttr { return nil }
