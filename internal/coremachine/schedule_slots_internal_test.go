package coremachine

import (
	"testing"
	"time"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// TestNextFireFollowsTheRuleForMissedSlots decides the due slots of an hourly
// schedule.
func TestNextFireFollowsTheRuleForMissedSlots(t *testing.T) {
	t.Parallel()

	hourly := define.Every("0 * * * *", "UTC", define.Job{}, struct{}{})
	at := func(hour, minute int) time.Time { return time.Date(2026, 3, 4, hour, minute, 0, 0, time.UTC) }

	for _, c := range []struct {
		name   string
		missed state.Missed
		limit  int
		now    time.Time
		slot   time.Time // zero: none fires
		left   int
		next   time.Time
	}{
		{"fire once", state.MissedFireOnce, 0, at(7, 30), at(7, 0), 4, at(8, 0)},
		{"fire once, one due", state.MissedFireOnce, 0, at(3, 1), at(3, 0), 0, at(4, 0)},
		{"fire all within the limit", state.MissedFireAll, 5, at(7, 30), at(3, 0), 0, at(4, 0)},
		{"fire all beyond the limit", state.MissedFireAll, 3, at(7, 30), at(5, 0), 2, at(6, 0)},
		{"ignore, in time", state.MissedIgnore, 0, at(7, 2), at(7, 0), 4, at(8, 0)},
		{"ignore, late", state.MissedIgnore, 0, at(7, 3), time.Time{}, 5, at(8, 0)},
	} {
		d := state.ScheduleDeclaration{Missed: c.missed, Limit: c.limit}

		got := nextFire(hourly, d, at(3, 0), c.now)
		if !got.Slot.Equal(c.slot) || got.Missed != c.left || got.Next == nil || !got.Next.Equal(c.next) {
			t.Errorf("%s: slot %s, %d missed, next %v; want %s, %d, %s",
				c.name, got.Slot, got.Missed, got.Next, c.slot, c.left, c.next)
		}
	}
}
