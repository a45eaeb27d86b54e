package repo_test

import (
	"testing"
	"time"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// TestSlotIsDecidedOnce fires one slot again, one that is not due, and one of a
// schedule that has changed or was paused.
func TestSlotIsDecidedOnce(t *testing.T) {
	t.Parallel()

	pool := pgtest.Schema(t)
	r := repo.New(pool)

	_, err := pool.Exec(t.Context(), `
		insert into schedules (name, declaration, next_at)
		values ('nightly', 'a', now() - interval '2 hours')`)
	if err != nil {
		t.Fatal(err)
	}

	nextAt := func() (at time.Time) {
		t.Helper()

		if err := pool.QueryRow(t.Context(), `select next_at from schedules`).Scan(&at); err != nil {
			t.Fatal(err)
		}

		return at
	}

	fire := func(f state.ScheduleFire) (landed bool) {
		t.Helper()

		f.Name, f.Slot, f.Overlap = "nightly", f.NextAt, state.OverlapAllow
		key := state.ScheduleKey("nightly", f.Slot)
		f.Job = &state.JobSpec{
			JobID: state.KeyedJobID("tick", []byte(`{}`), key), RunKey: key, JobType: "tick", Params: []byte(`{}`),
			Stages: []state.StageSpec{{
				Name: "one", TaskType: "work", Kind: state.Single, Queue: state.QueueTasks, Expected: 1, Window: 1,
			}},
		}

		res, _, err := r.FireSchedule(t.Context(), f, 0)
		if err != nil {
			t.Fatal(err)
		}

		return res.Landed
	}

	first := nextAt()
	second, third := first.Add(time.Hour), first.Add(24*time.Hour)

	for _, c := range []struct {
		name string
		fire state.ScheduleFire
		want bool
	}{
		{"another declaration", state.ScheduleFire{Declaration: "b", NextAt: first, Next: &second}, false},
		{"the first slot", state.ScheduleFire{Declaration: "a", NextAt: first, Next: &second}, true},
		{"the first slot again", state.ScheduleFire{Declaration: "a", NextAt: first, Next: &second}, false},
		{"the second slot", state.ScheduleFire{Declaration: "a", NextAt: second, Next: &third}, true},
		{"a slot that is not due", state.ScheduleFire{Declaration: "a", NextAt: third}, false},
	} {
		if got := fire(c.fire); got != c.want {
			t.Errorf("%s: fired %v, want %v", c.name, got, c.want)
		}
	}

	if landed, err := r.PauseSchedule(t.Context(), "nightly", "ann"); !landed || err != nil {
		t.Fatal(landed, err)
	}

	if fire(state.ScheduleFire{Declaration: "a", NextAt: third}) {
		t.Error("a paused schedule has fired")
	}

	var fired, jobs int

	err = pool.QueryRow(t.Context(), `select s.fired, (select count(*) from jobs) from schedules s`).Scan(&fired, &jobs)
	if err != nil || fired != 2 || jobs != 2 {
		t.Errorf("%d slots fired and %d jobs started, %v; want 2", fired, jobs, err)
	}
}
