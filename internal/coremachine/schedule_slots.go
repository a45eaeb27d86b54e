package coremachine

import (
	"time"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// ignoreAfter is how late a slot can be and still fires under MissedIgnore. It is
// more than the minute after which a timer wakes an app that had scaled to zero.
const ignoreAfter = 2 * time.Minute

// slotWalk bounds how many slots are counted one by one. A schedule of each
// second that no process fired for a year has 31 million.
const slotWalk = 1000

// nextFire decides which of the due slots of a schedule is next, from the slot
// at nextAt, and what is left out before it. Slot is zero if none fires.
func nextFire(s define.Schedule, d state.ScheduleDeclaration, nextAt, now time.Time) state.ScheduleFire {
	n := 1
	if d.Missed == state.MissedFireAll {
		n = d.Limit
	}

	slot, missed := newestSlots(s, nextAt, now, n)
	fire := state.ScheduleFire{NextAt: nextAt, Slot: slot, Missed: missed, Overlap: d.Overlap}

	if d.Missed == state.MissedIgnore && now.Sub(slot) > ignoreAfter {
		fire.Slot = time.Time{}
		fire.Missed++
	}

	fire.Next = instant(s.Next(slot))

	return fire
}

// newestSlots returns the first of the newest n slots from the slot at from until
// now, and how many are before it. It counts at most slotWalk of those.
func newestSlots(s define.Schedule, from, now time.Time, n int) (first time.Time, missed int) {
	window := []time.Time{}

	for at := from; !at.IsZero() && !at.After(now); at = s.Next(at) {
		if len(window)+missed == slotWalk+n {
			return searchSlots(s, at, now, n), slotWalk
		}

		window = append(window, at)
		if len(window) > n {
			window = window[1:]
			missed++
		}
	}

	return window[0], missed
}

// searchSlots finds the first of the newest n slots by bisection: at least n
// slots are after low, and fewer are after high.
func searchSlots(s define.Schedule, from, now time.Time, n int) time.Time {
	low, high := from.Add(-time.Second*time.Duration(n+1)), now

	for high.Sub(low) > time.Second {
		middle := low.Add(high.Sub(low) / 2).Truncate(time.Second)
		if atLeast(s, middle, now, n) {
			low = middle
		} else {
			high = middle
		}
	}

	if first := s.Next(low); !first.After(now) {
		return first
	}

	return from
}

// atLeast reports whether n slots are after a time until now.
func atLeast(s define.Schedule, after, now time.Time, n int) bool {
	for range n {
		after = s.Next(after)
		if after.IsZero() || after.After(now) {
			return false
		}
	}

	return true
}
