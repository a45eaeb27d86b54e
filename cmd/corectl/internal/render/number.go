package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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

// FormatDuration formats a duration: "41 ms", "0.9 s", "26.4 s", "4 m 07 s", "3 h 12 m",
// "2 d 3 h".
func FormatDuration(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}

	return long(d.Round(time.Second))
}

// Elapsed formats the time that something has been running, in whole units, so
// that the display does not flicker.
func Elapsed(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(max(d, 0).Seconds()))
	}

	return long(d.Truncate(time.Second))
}

func long(d time.Duration) string {
	seconds := int(d.Seconds())
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", seconds/60, seconds%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %02d m", seconds/3600, seconds/60%60)
	}

	return fmt.Sprintf("%d d %d h", seconds/86400, seconds/3600%24)
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

	return t.UTC().Format(time.DateOnly)
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
