package api_test

import (
	"net/http"
	"strings"
	"testing"

	"coremachine/internal/view"
)

// TestTrends answers a window that matches the contract, and rejects others.
func TestTrends(t *testing.T) {
	t.Parallel()

	s := start(t, fakeEngine{})

	_, err := s.pool.Exec(t.Context(), `
		insert into trends
		select date_trunc('minute', now()) - make_interval(hours => h), 'hello', 1, 1, 0, 0, 0, 10, 0, 1
		from generate_series(1, 30) h;
		insert into queue_trends values (date_trunc('minute', now()) - interval '5 minutes', 1, 3, 0, 1.5)`)
	if err != nil {
		t.Fatal(err)
	}

	var got view.TrendsView

	s.call(http.MethodGet, "/trends?window=24h", nil).into(&got)

	if len(got.Steps) != 96 || got.Total.TasksCompleted < 230 || got.Steps[95].Queues["jobs"].Waiting != 3 {
		t.Errorf("%d steps, total %+v, last %+v", len(got.Steps), got.Total, got.Steps[95])
	}

	s.call(http.MethodGet, "/trends?type=other", nil).into(&got)

	if got.Window != "1h" || len(got.Steps) != 60 || got.Total.TasksCompleted != 0 {
		t.Errorf("of another type: %s, %d steps, total %+v", got.Window, len(got.Steps), got.Total)
	}

	bad := s.call(http.MethodGet, "/trends?window=2h", nil)
	if bad.Status != http.StatusBadRequest || !strings.Contains(string(bad.Body), `\"2h\" is not one of 1h, 24h, 7d`) {
		t.Errorf("got %d %s", bad.Status, bad.Body)
	}
}
