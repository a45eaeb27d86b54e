package coremachine_test

import (
	"testing"
	"time"

	"coremachine/internal/jobs/define"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/worktest"
)

// build starts a process with schedules of the job "tick" in a schema; an empty
// url is a new one.
func build(t *testing.T, url string, seeds map[string]int) *enginetest.Engine {
	t.Helper()

	job := jobOf(define.Stage[params]{Name: "one", Tasks: single()})
	schedules := map[string]define.Schedule{}

	for name, seed := range seeds {
		schedules[name] = define.Every(never(), "UTC", job, params{Seed: seed})
	}

	return enginetest.Start(t, enginetest.Options{
		Jobs: map[string]define.Job{"tick": job}, Handlers: handlersOf(echo), Schedules: schedules, URL: url,
	})
}

// TestChangedScheduleContinuesFromNow starts a second build on the same schema:
// one schedule differs, and another is gone.
func TestChangedScheduleContinuesFromNow(t *testing.T) {
	t.Parallel()

	old := build(t, "", map[string]int{"kept": 0, "changed": 1, "removed": 2})
	eventually(t, old, 3, declared)

	fresh := build(t, old.URL(), map[string]int{"kept": 0, "changed": 3})
	eventually(t, old, 1, `select count(*) from schedules where name = 'changed' and declaration like '%"seed":3%'`)

	// The last process that declares it stops.
	old.Process(0).Stop()
	worktest.Exec(t, fresh, `update schedules set declared_at = now() - interval '1 hour' where name = 'removed'`)
	eventually(t, fresh, 1, `select count(*) from schedules where removed_at is not null and name = 'removed'`)

	backdate(t, fresh, time.Hour)
	eventually(t, fresh, 2, `select sum(fired)::int from schedules`)
	mustCount(t, fresh, 0, `select fired::int from schedules where name = 'removed'`)
	mustCount(t, fresh, 1, `select count(*) from jobs where params::text like '%"seed":3%'`)
	mustCount(t, fresh, 0, `select count(*) from jobs where params::text like '%"seed":1%'`)
}

// TestOldBuildDoesNotFireAChangedSchedule lets both builds run.
func TestOldBuildDoesNotFireAChangedSchedule(t *testing.T) {
	t.Parallel()

	old := build(t, "", map[string]int{"changed": 1})
	eventually(t, old, 1, declared)

	build(t, old.URL(), map[string]int{"changed": 3})
	eventually(t, old, 1, `select count(*) from schedules where declaration like '%"seed":3%'`)

	backdate(t, old, time.Hour)
	eventually(t, old, 1, `select fired::int from schedules`)
	mustCount(t, old, 0, `select count(*) from jobs where params::text like '%"seed":1%'`)
}

// TestAppsKeepTheSchedulesOfEachOther runs two apps with different schedules, and
// one without any, in one schema.
func TestAppsKeepTheSchedulesOfEachOther(t *testing.T) {
	t.Parallel()

	first := build(t, "", map[string]int{"first": 1})
	eventually(t, first, 1, declared)

	build(t, first.URL(), map[string]int{"second": 2})
	build(t, first.URL(), nil)
	eventually(t, first, 2, declared)

	backdate(t, first, time.Hour)
	eventually(t, first, 2, `select sum(fired)::int from schedules`)
	mustCount(t, first, 0, `select count(*) from schedules where removed_at is not null`)

	// A schedule that was removed while its app was away comes back.
	worktest.Exec(t, first, `
		update schedules set removed_at = now(), next_at = null, declared_at = now() where name = 'first'`)
	eventually(t, first, 2, declared)
}
