// Package cron computes the slots of a schedule: the instants at which a cron
// expression in a time zone is due.
//
// The expression has five fields (minute, hour, day of month, month, day of
// week) or six with seconds first. A day matches if either day field matches,
// unless one of them is *. L is the last day, LW the last weekday, 15W the
// weekday nearest to the 15th, FRI#2 the second Friday and FRI#L the last one.
//
// The expression is matched with local time. A local time that does not exist,
// because the clock is set forward, is due at the next instant that exists. A
// local time that exists twice is due the first time only. An expression with *
// as its hour names no local hour, so it is due every time.
//
// A Schedule is immutable and pure: after a crash, and in every process, the
// same expression has the same slots. The time zones are compiled in.
//
// It may import nothing of this module.
package cron
