package coremachine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/worktest"
)

// never is a cron expression whose next slot is far away from the test.
func never() string { return time.Now().AddDate(0, 6, 0).UTC().Format("4 15 2 1 *") }

// scheduled starts processes with a schedule of a job of one task.
func scheduled(
	t *testing.T, processes int, expression string, fn worktest.Func, opts ...define.ScheduleOption,
) *enginetest.Engine {
	t.Helper()

	job := jobOf(define.Stage[params]{Name: "one", Tasks: single()})

	return start(t, enginetest.Options{
		Jobs: map[string]define.Job{"tick": job},
		Schedules: map[string]define.Schedule{
			"nightly": define.Every(expression, "Europe/Berlin", job, params{Seed: 7}, opts...),
		},
		Handlers: handlersOf(fn), Processes: processes,
	})
}

// eventually waits until a query returns at least want.
func eventually(t *testing.T, e *enginetest.Engine, want int, sql string) {
	t.Helper()
	worktest.UntilWithin(t, 3*time.Minute, sql, func() bool { return query(t, e, sql) >= want })
}

const declared = `select count(*) from schedules where next_at > now() + interval '1 day'`

// backdate moves the next slot of all schedules into the past.
func backdate(t *testing.T, e *enginetest.Engine, by time.Duration) time.Time {
	t.Helper()

	var slot time.Time
	if err := e.Pool().QueryRow(t.Context(), `
		update schedules set next_at = date_trunc('minute', now() - make_interval(secs => $1))
		where next_at is not null
		returning next_at`, by.Seconds()).Scan(&slot); err != nil {
		t.Fatal(err)
	}

	return slot.UTC()
}

// TestSlotStartsOneJobInManyProcesses lets five processes meet at one slot.
func TestSlotStartsOneJobInManyProcesses(t *testing.T) {
	t.Parallel()

	e := scheduled(t, 5, never(), echo)
	eventually(t, e, 1, declared)

	slot := backdate(t, e, 30*time.Minute)
	eventually(t, e, 1, `select count(*) from schedules where fired = 1`)

	id := state.KeyedJobID("tick", []byte(`{"n":1,"seed":7,"skip":false}`), state.ScheduleKey("nightly", slot))
	e.Wait(id).MustBe(t, state.JobCompleted)

	mustCount(t, e, 1, `select count(*) from jobs`)
	mustCount(t, e, 1, `select count(*) from jobs where run_key = $1`, state.ScheduleKey("nightly", slot))
	mustCount(t, e, 1,
		`select count(*) from schedule_runs where outcome = 'fired' and job_id = $1 and slot = $2`, id[:], slot)
	mustCount(t, e, 1, declared)
}

// TestScheduleSkipsWhileItsJobIsOpen starts one job, and then none and one more
// by the rule.
func TestScheduleSkipsWhileItsJobIsOpen(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		name          string
		rule          define.ScheduleOption
		jobs, skipped int
		first         state.JobStatus
	}{
		{"skip", define.Skip(), 1, 1, state.JobCompleted},
		{"allow", define.Allow(), 2, 0, state.JobCompleted},
		{"cancel previous", define.CancelPrevious(), 2, 0, state.JobCancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			var calls atomic.Int64

			first, release := make(chan struct{}), make(chan struct{})
			e := scheduled(t, 1, never(), func(ctx context.Context, _ handlers.Task, in workIn) (workOut, error) {
				if calls.Add(1) > 1 {
					return workOut(in), nil
				}

				close(first)

				select {
				case <-release:
				case <-ctx.Done():
				}

				return workOut(in), ctx.Err()
			}, c.rule)

			eventually(t, e, 1, declared)

			slot := backdate(t, e, time.Hour)

			<-first
			backdate(t, e, 30*time.Minute)
			eventually(t, e, 1, `select count(*) from schedules where fired + skipped = 2`)
			mustCount(t, e, c.skipped, `select skipped::int from schedules`)
			close(release)

			id := state.KeyedJobID("tick", []byte(`{"n":1,"seed":7,"skip":false}`), state.ScheduleKey("nightly", slot))
			e.Wait(id).MustBe(t, c.first)
			mustCount(t, e, c.jobs, `select count(*) from jobs`)
		})
	}
}

// TestScheduleFiresMissedSlotsByItsRule is five hours late.
func TestScheduleFiresMissedSlotsByItsRule(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		name  string
		opts  []define.ScheduleOption
		fired int
	}{
		{"fire all", []define.ScheduleOption{define.Allow(), define.FireAll(3)}, 3},
		{"ignore", []define.ScheduleOption{define.Ignore()}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			// The slots are half an hour away from now, also if the test takes long.
			e := scheduled(t, 2, time.Now().Add(30*time.Minute).UTC().Format("4 * * * *"), echo, c.opts...)
			eventually(t, e, 1, `select count(*) from schedules where next_at > now()`)

			worktest.Exec(t, e, `update schedules set next_at = next_at - interval '5 hours'`)
			eventually(t, e, 1, `select count(*) from schedules where next_at > now()`)

			mustCount(t, e, c.fired, `select fired::int from schedules`)
			mustCount(t, e, 5-c.fired, `select missed::int from schedules`)
			mustCount(t, e, c.fired, `select count(*) from jobs`)
			mustCount(t, e, c.fired, `select count(distinct run_key) from jobs`)
		})
	}
}

// TestScheduleIsPausedTriggeredAndBackfilled takes the actions of an operator.
func TestScheduleIsPausedTriggeredAndBackfilled(t *testing.T) {
	t.Parallel()

	e := scheduled(t, 2, "0 3 * * *", echo, define.Allow())
	m := e.Process(0).Machine

	eventually(t, e, 1, `select count(*) from schedules`)

	for range 2 {
		if err := m.PauseSchedule(t.Context(), "nightly", "ann"); err != nil {
			t.Fatal(err)
		}
	}

	mustCount(t, e, 1, `select count(*) from schedules where paused_by = 'ann' and next_at is null`)

	trigger := coremachine.TriggerRequest{Name: "nightly", Key: "ann's", By: "ann"}

	res, err := m.TriggerSchedule(t.Context(), trigger)
	if err != nil || !res.Created {
		t.Fatalf("got %+v, %v", res, err)
	}

	e.Wait(res.JobID).MustBe(t, state.JobCompleted)

	day := time.Now().UTC().Truncate(24 * time.Hour)
	from, until := day.AddDate(0, 0, -5), day.AddDate(0, 0, -2)

	for i, want := range []int{3, 0} { // the second time each slot has its job
		done, err := m.BackfillSchedule(t.Context(), "nightly", from, until, "ann")
		if err != nil || done.Slots != 3 || done.Created != want {
			t.Errorf("backfill %d: %+v, %v", i, done, err)
		}
	}

	for _, bad := range [][2]time.Time{{until, from}, {from, day.AddDate(1, 0, 0)}, {day.AddDate(-4, 0, 0), from}} {
		_, err := m.BackfillSchedule(t.Context(), "nightly", bad[0], bad[1], "")
		if state.CodeOf(err) != state.CodeInvalid {
			t.Errorf("backfill from %s until %s: %v", bad[0], bad[1], err)
		}
	}

	if err := m.ResumeSchedule(t.Context(), "nightly"); err != nil {
		t.Fatal(err)
	}

	mustCount(t, e, 1, `select count(*) from schedules where paused_at is null and next_at > now()`)

	if err := m.PauseSchedule(t.Context(), "unknown", ""); state.CodeOf(err) != state.CodeNotFound {
		t.Errorf("pausing an unknown schedule: %v", err)
	}

	eventually(t, e, 4, `select count(*) from jobs where status = 'completed'`)
	mustCount(t, e, 4, `select count(*) from jobs`)
}

// TestRepeatedTriggerFindsItsJob triggers concurrently with one key, while the
// job is open. The overlap rule would allow one job only.
func TestRepeatedTriggerFindsItsJob(t *testing.T) {
	t.Parallel()

	for name, rule := range map[string]define.ScheduleOption{"skip": define.Skip(), "allow": define.Allow()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			release := make(chan struct{})
			e := scheduled(t, 2, never(), func(ctx context.Context, _ handlers.Task, in workIn) (workOut, error) {
				select {
				case <-release:
				case <-ctx.Done():
				}

				return workOut(in), nil
			}, rule)
			eventually(t, e, 1, declared)

			var (
				all     sync.WaitGroup
				created atomic.Int64
			)

			for i := range 8 {
				all.Go(func() {
					res, err := e.Process(i%2).Machine.TriggerSchedule(
						t.Context(), coremachine.TriggerRequest{Name: "nightly", Key: "once"})
					if err != nil || res.JobID == (state.JobID{}) {
						t.Errorf("got %+v, %v", res, err)
					}

					if res.Created {
						created.Add(1)
					}
				})
			}

			all.Wait()

			if created.Load() != 1 {
				t.Errorf("%d triggers created a job, want 1", created.Load())
			}

			mustCount(t, e, 1, `select count(*) from jobs`)
			mustCount(t, e, 1, `select count(*) from schedule_runs where outcome = 'triggered'`)
			close(release)
			eventually(t, e, 1, `select count(*) from jobs where status = 'completed'`)
		})
	}
}

// TestScheduleReportsWhyItsJobDidNotStart waits for a slot that its job rejects.
func TestScheduleReportsWhyItsJobDidNotStart(t *testing.T) {
	t.Parallel()

	var ready atomic.Bool

	job := define.Define(define.Definition[params]{
		Description: "a test", Stages: []define.Stage[params]{{Name: "one", Tasks: single()}},
		Preflight: func(context.Context, params, handlers.Deps) error {
			if ready.Load() {
				return nil
			}

			return define.Field("seed", "has no container")
		},
	})
	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{"tick": job}, Handlers: handlersOf(echo),
		Schedules: map[string]define.Schedule{"nightly": define.Every(never(), "UTC", job, params{})},
	})
	eventually(t, e, 1, declared)
	backdate(t, e, time.Hour)
	eventually(t, e, 1, `select count(*) from schedules where error like '%has no container%'`)
	ready.Store(true)
	eventually(t, e, 1, `select count(*) from schedules where fired = 1 and error is null`)
}
