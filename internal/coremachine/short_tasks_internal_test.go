package coremachine

import (
	"testing"
	"testing/synctest"
	"time"

	"coremachine/internal/clock"
)

// TestBundleIsShortIfItsOwnTasksAre ends tasks of a bundle whose type has no
// estimate.
func TestBundleIsShortIfItsOwnTasksAre(t *testing.T) {
	t.Parallel()

	const quick, slow = 20 * time.Microsecond, 5 * time.Millisecond

	tests := []struct {
		name        string
		quick, slow int
		disabled    bool
		want        bool
	}{
		{"too few have ended", shortStarts - 1, 0, false, false},
		{"all were short", shortStarts, 0, false, true},
		{"some waited for a CPU", 3 * shortStarts, shortStarts, false, true},
		{"half were not short", shortStarts, shortStarts, false, false},
		{"none was short", 0, 4 * shortStarts, false, false},
		{"turned off", shortStarts, 0, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			b := &bundle{m: &Machine{durations: durations{disabled: tt.disabled}}, lineage: &lineage{}}
			b.ends.tasks = 1000

			for range tt.slow {
				b.addEnd(nil, slow)
			}

			for range tt.quick {
				b.addEnd(nil, quick)
			}

			if got := b.short(); got != tt.want {
				t.Errorf("short is %t after %d short and %d slow tasks", got, tt.quick, tt.slow)
			}
		})
	}
}

// TestWaitForResultsIsNotTheTasksTime ends the tasks of a bundle that has waited
// a second for the results of an earlier stage, and has then run for 2 ms.
func TestWaitForResultsIsNotTheTasksTime(t *testing.T) {
	t.Parallel()

	const tasks, waited, ran = 200, time.Second, 2 * time.Millisecond

	for name, tt := range map[string]struct{ reading, waiting, want time.Duration }{
		"the read of the bundle": {reading: waited, want: ran / tasks},
		"the wait of each task":  {waiting: waited, want: ran},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &bundle{m: &Machine{}, h: &inFlight{at: time.Now()}, lineage: &lineage{}}
				b.h.TaskType = "follows"
				b.ends.tasks, b.ends.began = tasks, b.h.at
				b.lineage.reading.Store(int64(tt.reading))
				clock.Sleep(t.Context(), waited+ran)

				for i := range tasks {
					a := attempt{started: b.h.ClaimedAt, lineage: b.lineage.of(i)}
					a.lineage.waited.Store(int64(tt.waiting))
					b.addEnd(nil, b.took(a))
				}

				if got := b.m.durations.of("follows"); got != tt.want {
					t.Errorf("a task is said to take %v, want %v", got, tt.want)
				}
			})
		})
	}
}
