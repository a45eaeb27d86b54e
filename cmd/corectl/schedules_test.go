package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// nightly is a schedule with one slot.
func nightly() view.ScheduleDetail {
	next, id := testNow.Add(90*time.Minute), mustID(idA)

	return view.ScheduleDetail{
		ScheduleView: view.ScheduleView{
			Name: "nightly", NextAt: &next, Next: []time.Time{next, next.Add(24 * time.Hour)}, LastJobID: &id,
			LastStatus: state.JobCompleted, Fired: 3,
			ScheduleDeclaration: state.ScheduleDeclaration{
				Cron: "0 3 * * *", Zone: "UTC", JobType: "tick", Params: []byte(`{}`),
				Overlap: state.OverlapSkip, Missed: state.MissedFireOnce,
			},
		},
		Runs: []view.ScheduleRun{{At: testNow, Outcome: "fired", Slot: &next, Slots: 1, JobID: &id}},
	}
}

func schedulesAPI(t *testing.T) *api {
	t.Helper()

	one := nightly()
	ref := view.JobRef{JobID: mustID(idA), Status: state.JobQueued, Attempt: 1}

	return newAPI(t).
		on("GET /schedules", answer(200, page("", one.ScheduleView))).
		on("GET /schedules/nightly", answer(200, one)).
		on("POST /schedules/nightly/pause", answer(200, one)).
		on("POST /schedules/nightly/resume", answer(200, one)).
		on("POST /schedules/nightly/trigger", answer(202, ref), answer(200, ref)).
		on("POST /schedules/nightly/backfill", answer(200, state.Backfilled{Slots: 3, Created: 2}))
}

// TestSchedulesCommandsCallTheirRoutes runs each command.
func TestSchedulesCommandsCallTheirRoutes(t *testing.T) {
	t.Parallel()

	fake := schedulesAPI(t)

	for _, c := range []struct {
		args     string
		out, err string
	}{
		{"list", "nightly\tactive\ttick\t0 3 * * *\tUTC\t", ""},
		{"show nightly", "nightly", ""},
		{"pause nightly", "nightly", ""},
		{"resume nightly", "nightly", ""},
		{"trigger nightly --key a1", idA, "nightly started"},
		{"trigger nightly --key a1", idA, "nightly had started"},
		{
			"backfill nightly --from 2026-01-01T00:00:00Z --until 2026-01-04T00:00:00Z", "",
			"3 slots in the range, 2 jobs started.",
		},
	} {
		got := fake.run(outside{}, append([]string{"schedules"}, strings.Fields(c.args)...)...)
		if got.code != exitOK || !strings.Contains(got.out, c.out) || !strings.Contains(got.err, c.err) {
			t.Errorf("%s: got %+v, want %q and %q", c.args, got, c.out, c.err)
		}
	}

	want := []string{
		"GET /schedules", "GET /schedules/nightly", "POST /schedules/nightly/pause", "POST /schedules/nightly/resume",
		"POST /schedules/nightly/trigger?key=a1", "POST /schedules/nightly/trigger?key=a1",
		"POST /schedules/nightly/backfill?from=2026-01-01T00%3A00%3A00Z&until=2026-01-04T00%3A00%3A00Z",
	}
	if diff := cmp.Diff(want, fake.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}

	got := fake.run(outside{}, "schedules", "pause", "unknown")
	if got.code != exitNotFound {
		t.Errorf("an unknown schedule: %+v", got)
	}
}
