//go:build !linux

package database

import "syscall"

// control does nothing: only Linux bounds unacknowledged bytes per connection.
// Keep-alive and the limits on silence hold everywhere.
func control(string, string, syscall.RawConn) error { return nil }
