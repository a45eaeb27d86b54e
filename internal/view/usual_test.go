package view_test

import (
	"strings"
	"testing"

	"coremachine/internal/view"
)

// TestCompare calls the last hour usual or not.
func TestCompare(t *testing.T) {
	t.Parallel()

	hour := func(completed, failed int64) view.TrendHour {
		return view.TrendHour{TrendCounts: view.TrendCounts{TasksCompleted: completed, TasksFailed: failed}}
	}
	deep := func(waiting int, oldest float64) view.TrendHour {
		return view.TrendHour{Waiting: &waiting, Oldest: &oldest}
	}

	for name, c := range map[string]struct {
		last    view.TrendHour
		before  []view.TrendHour
		verdict string
		text    string
	}{
		"NoDays": {
			hour(1234, 5), nil, view.TrendUnknown,
			"Last hour: 1,239 tasks ended, 5 failed, 0 retries. The same hour",
		},
		"AsUsual": {
			hour(1100, 5),
			[]view.TrendHour{hour(1000, 3), hour(900, 4)},
			view.TrendUsual,
			"as usual, compared with the same hour of the 2 days before: 1,105 tasks ended",
		},
		"OneDay": {hour(10, 0), []view.TrendHour{hour(10, 0)}, view.TrendUsual, "the same hour of the day before"},
		"More": {
			hour(1600, 0), []view.TrendHour{hour(1000, 0)}, view.TrendUnusual, "more tasks ended (1,600; 1,000 before)",
		},
		"Fewer": {
			hour(500, 0),
			[]view.TrendHour{hour(1000, 0), hour(900, 0)},
			view.TrendUnusual,
			"fewer tasks ended (500; 900 to 1,000 before)",
		},
		"Nothing": {
			hour(0, 0), []view.TrendHour{hour(1000, 0)}, view.TrendUnusual, "fewer tasks ended (0; 1,000 before)",
		},
		"Failures": {
			hour(1000, 40), []view.TrendHour{hour(1000, 3)}, view.TrendUnusual, "more tasks failed (40; 3 before)",
		},
		"FewerFailuresAreGood":  {hour(1000, 0), []view.TrendHour{hour(1000, 40)}, view.TrendUsual, "as usual"},
		"SmallNumbersAreNoNews": {hour(12, 2), []view.TrendHour{hour(3, 0)}, view.TrendUsual, "as usual"},
		"Waiting": {
			deep(500, 100),
			[]view.TrendHour{deep(10, 2)},
			view.TrendUnusual,
			"messages waited longer (1m40s; 2s before)",
		},
		"NotMeasuredBefore": {deep(500, 100), []view.TrendHour{hour(0, 0)}, view.TrendUsual, "as usual"},
	} {
		got := view.Compare(c.last, c.before)
		if got.Verdict != c.verdict || !strings.Contains(got.Text, c.text) || got.Days != len(c.before) {
			t.Errorf("%s: got %s: %s", name, got.Verdict, got.Text)
		}
	}
}
