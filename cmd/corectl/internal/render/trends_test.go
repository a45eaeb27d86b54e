package render

import (
	"testing"
	"time"

	"coremachine/internal/view"
)

// TestTrends draws a window of which the beginning is not recorded.
func TestTrends(t *testing.T) {
	t.Parallel()

	hour, _ := view.FindTrendWindow("1h")
	since := now.Add(-50 * time.Minute)
	v := view.NewTrends(view.TrendFilter{Window: hour}, now, &since)

	for i := 10; i < 60; i++ {
		v.Count(i, "tile_index", view.TrendCounts{
			JobsStarted: 1, JobsCompleted: 1, TasksCompleted: int64(60 * (i % 7)), Retries: 2,
		})
	}

	v.Count(30, "ta\x1bble", view.TrendCounts{JobsFailed: 1, TasksFailed: 7})
	v.SetQueue(59, "tasks", view.TrendQueue{Waiting: 1234, OldestSeconds: 75})
	v.SortTypes()
	v.Usual = view.Compare(view.TrendHour{TrendCounts: v.Total}, []view.TrendHour{{TrendCounts: v.Total}})

	for name, s := range map[string]Style{
		"80": {Width: 80}, "40": {Width: 40}, "ascii": {Width: 60, ASCII: true},
		"colour": {Width: 80, Color: true}, "wide": {},
	} {
		golden(t, "trends_"+name, s.Trends(v))
	}

	golden(t, "trends_tabbed", TrendsTabbed(v)[28:32])
}
