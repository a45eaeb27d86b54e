package devhost

import (
	"fmt"
	"strings"
	"time"

	"coremachine/internal/cron"
)

// schedule returns when a timer fires next, strictly after a time. All times
// are UTC.
type schedule interface {
	Next(after time.Time) time.Time
}

// parseSchedule parses {second} {minute} {hour} {day} {month} {day of week}, or
// a TimeSpan between ticks.
func parseSchedule(text string) (schedule, error) {
	fields := strings.Fields(text)
	if len(fields) == 1 {
		every, err := ParseTimeSpan(text)
		if err == nil && every <= 0 {
			err = fmt.Errorf("%q is not positive", text)
		}

		return interval(every), err
	}

	if len(fields) != 6 {
		return nil, fmt.Errorf("the schedule %q has %d fields, want 6", text, len(fields))
	}

	return cron.Parse(text, "UTC")
}

type interval time.Duration

// Next is the time of the tick after one at the given time.
func (i interval) Next(after time.Time) time.Time { return after.Add(time.Duration(i)) }
