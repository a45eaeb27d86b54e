package repo_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/repo"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/view"
)

// TestTrendsAreReadByStep reads what is recorded, with gaps where nothing is.
func TestTrendsAreReadByStep(t *testing.T) {
	t.Parallel()

	pool := pgtest.Schema(t)
	r := repo.New(pool)
	hour, _ := view.FindTrendWindow("1h")

	empty, err := r.ReadTrends(t.Context(), view.TrendFilter{Window: hour})
	if err != nil || empty.Since != nil || len(empty.Steps) != 60 || empty.Steps[59].Counts != nil {
		t.Fatalf("nothing is recorded: %+v, %v", empty, err)
	}

	exec(t, pool, `
insert into trends
select date_trunc('minute', now()) - make_interval(mins => m), job_type, 1, 1, 0, 0, 0, n, 1, 2
from (values (30, 'a', 10), (20, 'a', 5), (20, 'b', 1)) v (m, job_type, n)`)
	exec(t, pool, insertCount, 20, 5) // of x, and not added yet
	exec(t, pool, `insert into queue_trends values (date_trunc('minute', now()) - interval '20 minutes', 2, 7, 1, 2.5)`)

	got, err := r.ReadTrends(t.Context(), view.TrendFilter{Window: hour})
	if err != nil {
		t.Fatal(err)
	}

	var text []string

	for i, s := range got.Steps {
		switch {
		case s.Counts == nil:
			text = append(text, "?")
		case s.Counts.TasksCompleted > 0 || s.Queues != nil:
			minute := int(got.Until.Sub(s.At) / time.Minute)
			text = append(text, fmt.Sprintf("%d: %d %v", minute, s.Counts.TasksCompleted, s.Queues))
		case i < 59 && got.Steps[i+1].Counts == nil:
			t.Errorf("step %d is known and the next is not", i)
		}
	}

	// The minute may have ended since the rows were written.
	if n := strings.Count(strings.Join(text, ""), "?"); n != 30 && n != 29 {
		t.Errorf("%d steps are unknown, want 30", n)
	}

	known := text[len(text)-2:]
	if !strings.HasSuffix(known[0], ": 10 map[]") || !strings.HasSuffix(known[1], ": 7 map[tasks:{7 1 2.5}]") {
		t.Errorf("got %q", known)
	}

	of := func(name string, jobs, completed, failed, retries int64) view.TrendType {
		return view.TrendType{JobType: name, TrendCounts: view.TrendCounts{
			JobsStarted: jobs, JobsCompleted: jobs, TasksCompleted: completed, TasksFailed: failed, Retries: retries,
		}}
	}

	want := []view.TrendType{of("a", 2, 15, 2, 4), of("b", 1, 1, 1, 2), of("x", 0, 1, 0, 0)}
	if diff := cmp.Diff(want, got.Types); diff != "" {
		t.Error(diff)
	}

	one, err := r.ReadTrends(t.Context(), view.TrendFilter{Window: hour, JobType: "b"})
	if err != nil || one.Total.TasksCompleted != 1 || len(one.Types) != 1 {
		t.Errorf("of one type: %+v, %v", one.Total, err)
	}
}

// TestTheSameHourOfTheDaysBefore compares only with hours that are recorded
// whole.
func TestTheSameHourOfTheDaysBefore(t *testing.T) {
	t.Parallel()

	pool := pgtest.Schema(t)
	hour, _ := view.FindTrendWindow("")

	exec(t, pool, `
insert into trends
select date_trunc('minute', now()) - make_interval(mins => 30, days => d), 'a', 1, 1, 0, 0, 0,
	case when d = 0 then 1000 else 100 + d end, 0, 0
from generate_series(0, 3) d`)

	got, err := repo.New(pool).ReadTrends(t.Context(), view.TrendFilter{Window: hour})
	if err != nil {
		t.Fatal(err)
	}

	// Half of the hour of the third day is before the first recorded minute.
	if u := got.Usual; u.Days != 2 || u.Verdict != view.TrendUnusual ||
		!strings.Contains(u.Text, "more tasks ended (1,000; 101 to 102 before)") {
		t.Errorf("got %+v", u)
	}
}
