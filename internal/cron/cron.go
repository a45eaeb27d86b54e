package cron

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a container image may have no time zones

	library "github.com/netresearch/go-cron"
)

// Schedule is a cron expression in a time zone. Parse creates it.
type Schedule struct {
	matches   library.Schedule // of local time, written as if it were UTC
	zone      *time.Location
	everyHour bool // the hour is *: local times that exist twice are due twice
}

// searchYears is how far Next looks: a leap day can be eight years away.
const searchYears = 9

var parser = library.MustNewParser(
	library.SecondOptional | library.Minute | library.Hour | library.Dom | library.Month | library.Dow |
		library.Extended | library.DowOrDom,
).WithMaxSearchYears(searchYears)

// Parse reads an expression of five or six fields, and the name of a time zone
// such as Europe/Berlin or UTC. An expression that is never due is an error.
func Parse(expression, zone string) (Schedule, error) {
	fields := strings.Fields(expression)
	if len(fields) != 5 && len(fields) != 6 || strings.Contains(fields[0], "=") {
		return Schedule{}, fmt.Errorf("%q has %d fields, want 5, or 6 with seconds first", expression, len(fields))
	}

	if zone == "" || zone == "Local" {
		return Schedule{}, fmt.Errorf("time zone %q: name one, for example Europe/Berlin or UTC", zone)
	}

	location, err := time.LoadLocation(zone)
	if err != nil {
		return Schedule{}, fmt.Errorf("time zone %q does not exist: use for example Europe/Berlin or UTC", zone)
	}

	matches, err := parser.Parse(strings.Join(fields, " "))
	if err != nil {
		return Schedule{}, fmt.Errorf("%q: %w", expression, err)
	}

	s := Schedule{matches: matches, zone: location, everyHour: fields[len(fields)-4] == "*"}
	if s.Next(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("%q is never due", expression)
	}

	return s, nil
}

// maxChanges bounds how many changes of the clock Next crosses: two in a year.
const maxChanges = 4 * searchYears

// Next returns the first slot after a time, in UTC, or zero if there is none
// within nine years. It looks at one span without a change of the clock at a
// time.
func (s Schedule) Next(after time.Time) time.Time {
	within, from := after.In(s.zone), wall(after.In(s.zone))

	for range maxChanges {
		begin, end := within.ZoneBounds()
		offset := offsetOf(within)

		if repeated := s.repeatedUntil(begin, offset); from.Before(repeated) {
			from = repeated
		}

		local := s.matches.Next(from)
		if local.IsZero() {
			return time.Time{}
		}

		at := local.Add(-offset)
		if end.IsZero() || at.Before(end) {
			return at
		}

		resumed := wall(end.In(s.zone))
		if local.Before(resumed) { // the clock is set forward over it
			return end.UTC()
		}

		within, from = end.In(s.zone), resumed.Add(-time.Second)
	}

	return time.Time{}
}

// repeatedUntil returns the last local time that was due before the clock was
// set back at begin, or zero if none was, or if each is due again.
func (s Schedule) repeatedUntil(begin time.Time, offset time.Duration) time.Time {
	if begin.IsZero() || s.everyHour {
		return time.Time{}
	}

	before := offsetOf(begin.Add(-time.Second).In(s.zone))
	if before <= offset {
		return time.Time{}
	}

	return begin.UTC().Add(before - time.Second)
}

func offsetOf(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}

// wall returns a local time as if it were UTC.
func wall(t time.Time) time.Time {
	year, month, day := t.Date()
	hour, minute, sec := t.Clock()

	return time.Date(year, month, day, hour, minute, sec, 0, time.UTC)
}
