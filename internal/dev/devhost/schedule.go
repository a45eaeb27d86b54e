package devhost

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// schedule returns when a timer fires next, strictly after a time. All times
// are UTC.
type schedule interface {
	next(after time.Time) time.Time
}

// parseSchedule parses {second} {minute} {hour} {day} {month} {day of week},
// each with *, a number, a range, a list or a step, or a TimeSpan between
// ticks.
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

	var c cron
	for i, f := range []struct {
		to       *uint64
		low, top int
	}{
		{&c.second, 0, 59},
		{&c.minute, 0, 59},
		{&c.hour, 0, 23},
		{&c.day, 1, 31},
		{&c.month, 1, 12},
		{&c.weekday, 0, 7},
	} {
		set, err := parseField(fields[i], f.low, f.top)
		if err != nil {
			return nil, fmt.Errorf("the schedule %q: field %d: %w", text, i+1, err)
		}

		*f.to = set
	}

	c.weekday |= c.weekday >> 7 // 7 is Sunday too

	c.anyDay, c.anyWeekday = fields[3] == "*", fields[5] == "*"
	if c.next(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("the schedule %q never fires", text)
	}

	return c, nil
}

// parseField returns the values of a field as bits.
func parseField(text string, low, top int) (set uint64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")

		step := 1
		if stepped {
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
				return 0, fmt.Errorf("%q is not a step", part)
			}
		}

		from, to := low, top

		if span != "*" {
			first, last, isRange := strings.Cut(span, "-")
			if from, err = strconv.Atoi(first); err != nil {
				return 0, fmt.Errorf("%q is not a number", first)
			}

			if isRange {
				if to, err = strconv.Atoi(last); err != nil {
					return 0, fmt.Errorf("%q is not a number", last)
				}
			} else if !stepped {
				to = from
			}
		}

		if from < low || to > top || from > to {
			return 0, fmt.Errorf("%q is not in the range %d to %d", part, low, top)
		}

		for v := from; v <= to; v += step {
			set |= 1 << v
		}
	}

	return set, nil
}

type interval time.Duration

func (i interval) next(after time.Time) time.Time { return after.Add(time.Duration(i)) }

// cron has one bit for each matching value.
type cron struct {
	second, minute, hour, day, month, weekday uint64
	anyDay, anyWeekday                        bool
}

// next returns the zero time if the schedule does not fire within eight years.
func (c cron) next(after time.Time) time.Time {
	t := after.UTC().Truncate(time.Second).Add(time.Second)
	for limit := t.AddDate(8, 0, 0); t.Before(limit); {
		year, month, day := t.Date()
		switch {
		case c.month&(1<<month) == 0:
			t = time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
		case !c.onDay(t):
			t = time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
		case c.hour&(1<<t.Hour()) == 0:
			t = time.Date(year, month, day, t.Hour()+1, 0, 0, 0, time.UTC)
		case c.minute&(1<<t.Minute()) == 0:
			t = t.Truncate(time.Minute).Add(time.Minute)
		default:
			later := c.second >> t.Second()
			if later == 0 {
				t = t.Truncate(time.Minute).Add(time.Minute)
				continue
			}

			return t.Add(time.Duration(bits.TrailingZeros64(later)) * time.Second)
		}
	}

	return time.Time{}
}

// onDay reports whether the day matches. Both day fields must match, but if
// both are restricted, one is sufficient.
func (c cron) onDay(t time.Time) bool {
	day, weekday := c.day&(1<<t.Day()) != 0, c.weekday&(1<<t.Weekday()) != 0
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}

	return day || weekday
}
