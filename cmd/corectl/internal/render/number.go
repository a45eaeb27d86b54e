package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/view"
)

// Count formats n with a comma at each thousand.
func Count(n int) string {
	digits := strconv.Itoa(n)

	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}

	var b strings.Builder

	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}

		b.WriteRune(d)
	}

	return sign + b.String()
}

// Things formats a count with its noun: "1 task", "2,000 tasks".
func Things(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}

	return Count(n) + " " + noun + "s"
}

// Elapsed formats the time that something has been running, in whole units, so
// that the display does not flicker.
func Elapsed(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(max(d, 0).Seconds()))
	}

	return view.FormatDuration(d)
}

// Ago formats the time since t in one unit. After a week, it returns the date.
func Ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "-"
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d m ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	case d < 7*24*time.Hour:
		return fmt.Sprintf("%d d ago", int(d.Hours()/24))
	}

	return t.Local().Format(time.DateOnly)
}

// In formats the time until t.
func In(now, t time.Time) string { return "in " + Elapsed(t.Sub(now)) }

// Rate formats a rate in tasks per second, or returns "" if there is none.
func Rate(perSecond float64) string {
	switch {
	case perSecond < 0.05:
		return ""
	case perSecond < 10:
		return fmt.Sprintf("%.1f/s", perSecond)
	}

	return Count(int(perSecond+0.5)) + "/s"
}

// Moment formats a time for people: local, with the offset of the zone.
func Moment(t time.Time) string { return t.Local().Format(time.RFC3339) }

// wideClock is the number of columns from which a line begins with a date.
const wideClock = 60

// clock formats a time at the beginning of a line for people: the time of day
// and its zone, after the date if there is room.
func (s Style) clock(t time.Time) string { return s.local(t).Format(s.day() + "15:04:05 MST") }

// clockMillis is clock with milliseconds.
func (s Style) clockMillis(t time.Time) string {
	return s.local(t).Format(s.day() + "15:04:05.000 MST")
}

func (s Style) day() string {
	if s.Width > 0 && s.Width < wideClock {
		return ""
	}

	return time.DateOnly + " "
}

func (s Style) local(t time.Time) time.Time {
	if s.Zone != nil {
		return t.In(s.Zone)
	}

	return t.Local()
}
