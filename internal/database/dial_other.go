//go:build !linux

package database

import "syscall"

// control does nothing, because only Linux limits unacknowledged bytes per
// connection. Keep-alive and the answer timeout apply on every system.
func control(string, string, syscall.RawConn) error { return nil }
