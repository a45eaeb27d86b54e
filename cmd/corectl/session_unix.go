//go:build unix

package main

import "syscall"

// ownSession starts a process in its own session, so that a terminal's Ctrl-C
// and hang-up do not reach it.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
