package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/view"
)

// TestTrendsCommand asks for a window and a type.
func TestTrendsCommand(t *testing.T) {
	t.Parallel()

	hour, _ := view.FindTrendWindow("")
	v := view.NewTrends(view.TrendFilter{Window: hour}, testNow, &testNow)
	v.Usual = view.Compare(view.TrendHour{}, nil)

	fake := newAPI(t).on("GET /trends", answer(200, v))

	if got := fake.run(outside{}, "trends"); got.code != exitOK || strings.Count(got.out, "\n") != 60 {
		t.Errorf("got %+v", got)
	}

	if got := fake.run(outside{}, "trends", "tile_index", "--window", "24h", "-o", "name"); got.out != "unknown\n" {
		t.Errorf("got %+v", got)
	}

	if got := fake.run(outside{}, "trends", "--window", "2h"); got.code != exitUsage {
		t.Errorf("an unknown window: got %+v", got)
	}

	want := []string{"GET /trends?window=1h", "GET /trends?type=tile_index&window=24h"}
	if diff := cmp.Diff(want, fake.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
