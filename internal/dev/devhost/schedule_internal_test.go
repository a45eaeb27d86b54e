package devhost

import (
	"testing"
	"time"
)

func TestScheduleNext(t *testing.T) {
	t.Parallel()

	const after = "2026-02-28T23:59:30.5Z" // a Saturday

	for text, want := range map[string]string{
		"0 * * * * *":       "2026-03-01T00:00:00Z",
		"*/15 * * * * *":    "2026-02-28T23:59:45Z",
		"31 59 23 * * *":    "2026-02-28T23:59:31Z",
		"0 0 9-17 * * 1-5":  "2026-03-02T09:00:00Z",
		"0 0 0 29 2 *":      "2028-02-29T00:00:00Z",
		"0 30 6 * * 7":      "2026-03-01T06:30:00Z",
		"0 0 0 15 * 1":      "2026-03-02T00:00:00Z",
		"0 0,30 12/6 * * *": "2026-03-01T12:00:00Z",
		"00:05:00":          "2026-03-01T00:04:30.5Z",
	} {
		s, err := parseSchedule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}

		if got := s.Next(at(t, after)).Format(time.RFC3339Nano); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}

	for _, text := range []string{
		"", "* * * * *", "60 * * * * *", "0 0 0 31 2 *", "a * * * * *", "*/0 * * * * *", "-00:01:00",
	} {
		if _, err := parseSchedule(text); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}

func TestParseTimeSpan(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]time.Duration{
		"00:30:00":          30 * time.Minute,
		"1.02:03:04.5":      26*time.Hour + 3*time.Minute + 4500*time.Millisecond,
		"00:00:00.0010000":  time.Millisecond,
		"-00:00:00.0010000": -time.Millisecond,
		"-1":                -24 * time.Hour,
		"2":                 48 * time.Hour,
		"10:20":             10*time.Hour + 20*time.Minute,
	} {
		if got, err := ParseTimeSpan(text); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}

	for _, text := range []string{"", "x", "1:2:3:4", "00:xx:00"} {
		if _, err := ParseTimeSpan(text); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}

// A tick that was missed while the host was stopped is due immediately, and
// late.
func TestTimerStatusReportsMissedTicks(t *testing.T) {
	t.Parallel()

	var status timerStatus

	start := at(t, "2026-03-01T10:00:00Z")
	if status.missed(start) {
		t.Error("a new timer reports a missed tick")
	}

	status.plan(start.Add(time.Minute))

	if status.missed(start.Add(time.Minute)) || !status.missed(start.Add(2*time.Minute)) {
		t.Error("a late tick is not reported as missed")
	}
}
