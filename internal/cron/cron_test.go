package cron_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/cron"
)

// TestNext compares slots with instants that were worked out by hand from the
// calendar and the rules of each zone.
func TestNext(t *testing.T) {
	t.Parallel()

	const berlin, newYork, lordHowe = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"

	for _, c := range []struct{ name, cron, zone, after, want string }{
		{
			"set forward: due at the next existing instant", "30 2 * * *", berlin, "2026-03-28T12:00:00Z",
			"2026-03-29T01:00:00Z 2026-03-30T00:30:00Z",
		},
		{
			"set forward: an instant is due once", "*/30 * * * *", berlin, "2026-03-29T00:00:00Z",
			"2026-03-29T00:30:00Z 2026-03-29T01:00:00Z 2026-03-29T01:30:00Z",
		},
		{
			"set back: the first of two", "30 2 * * *", berlin, "2026-10-24T12:00:00Z",
			"2026-10-25T00:30:00Z 2026-10-26T01:30:00Z",
		},
		{
			"set back: hours by number are due once", "0 1,2,3 * * *", berlin, "2026-10-24T22:30:00Z",
			"2026-10-24T23:00:00Z 2026-10-25T00:00:00Z 2026-10-25T02:00:00Z",
		},
		{
			"set back: every hour is due each time", "*/30 * * * *", berlin, "2026-10-24T23:45:00Z",
			"2026-10-25T00:00:00Z 2026-10-25T00:30:00Z 2026-10-25T01:00:00Z 2026-10-25T01:30:00Z 2026-10-25T02:00:00Z",
		},
		{
			"set back: from within the second time", "30 2 * * *", berlin, "2026-10-25T01:10:00Z",
			"2026-10-26T01:30:00Z",
		},
		{
			"New York: set forward", "30 2 * * *", newYork, "2026-03-07T12:00:00Z",
			"2026-03-08T07:00:00Z 2026-03-09T06:30:00Z",
		},
		{
			"New York: set back", "30 1 * * *", newYork, "2026-10-31T12:00:00Z",
			"2026-11-01T05:30:00Z 2026-11-02T06:30:00Z",
		},
		{
			"New York: set back, every second", "* * * * * *", newYork, "2026-11-01T05:59:58Z",
			"2026-11-01T05:59:59Z 2026-11-01T06:00:00Z 2026-11-01T06:00:01Z",
		},
		{
			"Lord Howe: half an hour forward", "15 2 * * *", lordHowe, "2026-10-03T12:00:00Z",
			"2026-10-03T15:30:00Z 2026-10-04T15:15:00Z",
		},
		{
			"Lord Howe: half an hour back", "45 1 * * *", lordHowe, "2026-04-04T12:00:00Z",
			"2026-04-04T14:45:00Z 2026-04-05T15:15:00Z",
		},
		{
			"Lord Howe: half an hour back, every hour", "*/15 * * * *", lordHowe, "2026-04-04T14:20:00Z",
			"2026-04-04T14:30:00Z 2026-04-04T14:45:00Z 2026-04-04T15:00:00Z 2026-04-04T15:15:00Z 2026-04-04T15:30:00Z",
		},
		{
			"midnight that does not exist", "0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z",
			"2026-09-06T04:00:00Z 2026-09-07T03:00:00Z",
		},
		{"leap day", "0 0 29 2 *", "UTC", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z"},
		{"leap day across 2100", "0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{
			"last weekday of the month", "0 9 LW * *", berlin, "2026-01-01T00:00:00Z",
			"2026-01-30T08:00:00Z 2026-02-27T08:00:00Z 2026-03-31T07:00:00Z",
		},
		{
			"last Friday of the month", "0 9 * * FRI#L", "UTC", "2026-01-01T00:00:00Z",
			"2026-01-30T09:00:00Z 2026-02-27T09:00:00Z 2026-03-27T09:00:00Z",
		},
		{
			"last day of the month", "0 9 L * *", "UTC", "2026-02-01T00:00:00Z",
			"2026-02-28T09:00:00Z 2026-03-31T09:00:00Z",
		},
		{
			"either day field", "0 9 13 * FRI", "UTC", "2026-01-05T00:00:00Z",
			"2026-01-09T09:00:00Z 2026-01-13T09:00:00Z 2026-01-16T09:00:00Z",
		},
		{"7 is Sunday", "30 6 * * 7", "UTC", "2026-02-28T23:59:30Z", "2026-03-01T06:30:00Z"},
		{
			"seconds", "*/25 59 23 31 12 *", "UTC", "2026-12-31T23:59:01Z",
			"2026-12-31T23:59:25Z 2026-12-31T23:59:50Z 2027-12-31T23:59:00Z",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			s, err := cron.Parse(c.cron, c.zone)
			if err != nil {
				t.Fatal(err)
			}

			at, err := time.Parse(time.RFC3339, c.after)
			if err != nil {
				t.Fatal(err)
			}

			want := strings.Fields(c.want)

			got := make([]string, len(want))
			for i := range got {
				at = s.Next(at)
				got[i] = at.Format(time.RFC3339)
			}

			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNextOfEverySecond has no gap and no repetition on days on which the clock
// changes.
func TestNextOfEverySecond(t *testing.T) {
	t.Parallel()

	for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe"} {
		s, err := cron.Parse("* * * * * *", zone)
		if err != nil {
			t.Fatal(err)
		}

		for _, day := range []string{"2026-03-29", "2026-04-04", "2026-10-03", "2026-10-25"} {
			at, err := time.Parse(time.DateOnly, day)
			if err != nil {
				t.Fatal(err)
			}

			for range 24 * 3600 {
				next := s.Next(at)
				if next.Sub(at) != time.Second {
					t.Fatalf("%s: after %s comes %s", zone, at, next)
				}

				at = next
			}
		}
	}
}

func TestParseRejects(t *testing.T) {
	t.Parallel()

	for _, c := range [][2]string{
		{"", "UTC"},
		{"* * * *", "UTC"},
		{"* * * * * * *", "UTC"},
		{"60 * * * *", "UTC"},
		{"0 0 30 2 *", "UTC"},
		{"a * * * *", "UTC"},
		{"*/0 * * * *", "UTC"},
		{"@daily", "UTC"},
		{"TZ=UTC * * * * *", "UTC"},
		{"0 0 * * *", ""},
		{"0 0 * * *", "Local"},
		{"0 0 * * *", "Mars/Base"},
	} {
		if _, err := cron.Parse(c[0], c[1]); err == nil {
			t.Errorf("%q in %q: got no error", c[0], c[1])
		}
	}
}
