// Package telemetry sets up what a process tells about itself: structured logs, one line a record.
//
// It owns no file and no connection, and keeps nothing that a crash could lose: a record is written when it is made. Names of
// fields are declared once, in telemetry/keys.
//
// It may import internal/telemetry/keys only.
package telemetry
