//go:build unix

package main

import "syscall"

// ownSession keeps a terminal's Ctrl-C and hang-up away from a process that
// shall stay.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
