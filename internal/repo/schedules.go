package repo

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Times after which a row of a schedule is written again by a process that
// declares it, may be replaced by one that declares another, and may be removed
// by one that declares none. The last is longer than the start of an app that had
// scaled to zero.
const (
	scheduleQuiet     = 10 * time.Second
	scheduleStale     = 30 * time.Second
	scheduleAbandoned = 10 * time.Minute
)

// scheduleRuns is how many entries a schedule keeps of its slots.
const scheduleRuns = 100

// Schedules reads all schedules, and the time of the database.
func (r *Repo) Schedules(ctx context.Context) (found []state.ScheduleRow, now time.Time, err error) {
	args := namedArgs{
		"quiet": scheduleQuiet.Seconds(), "stale": scheduleStale.Seconds(), "abandoned": scheduleAbandoned.Seconds(),
	}

	rows, err := r.pool.Query(ctx, statement("schedules_look"), args)
	if err != nil {
		return nil, now, failure("repo.Schedules", err)
	}

	var (
		name, declaration                       *string
		nextAt                                  *time.Time
		paused, removed, quiet, late, abandoned *bool
	)

	_, err = pgx.ForEachRow(
		rows,
		[]any{&now, &name, &declaration, &nextAt, &paused, &removed, &quiet, &late, &abandoned},
		func() error {
			if name != nil {
				found = append(found, state.ScheduleRow{
					Name: *name, Declaration: *declaration, NextAt: utc(nextAt),
					Paused: *paused, Removed: *removed, Quiet: *quiet, Stale: *late, Abandoned: *abandoned,
				})
			}

			return nil
		},
	)
	if err != nil {
		return nil, now, failure("repo.Schedules", err)
	}

	return found, now.UTC(), nil
}

// DeclareSchedules declares the schedules of this process, and stops those that
// no running process declares. With force, a process that has just started
// replaces other declarations of its schedules. Without, DeclareSchedules
// replaces only those that no process has written for a while. The schedules are
// in order of their names.
func (r *Repo) DeclareSchedules(ctx context.Context, declared []state.DeclaredSchedule, force bool) error {
	names, texts := make([]string, len(declared)), make([]string, len(declared))
	nexts := make([]*time.Time, len(declared))

	for i, d := range declared {
		names[i], texts[i], nexts[i] = d.Name, d.Declaration, d.NextAt
	}

	return r.inTx(ctx, "repo.DeclareSchedules", func(t tx) error {
		args := namedArgs{
			"names": names, "declarations": texts, "next_ats": nexts, "force": force, "stale": scheduleStale.Seconds(),
		}
		if err := t.later("schedules_declare", args, nil); err != nil {
			return err
		}

		args = namedArgs{"names": names, "abandoned": scheduleAbandoned.Seconds()}

		return t.later("schedules_remove", args, nil)
	})
}

// TouchSchedules notes that a process declares schedules.
func (r *Repo) TouchSchedules(ctx context.Context, declared []state.DeclaredSchedule) error {
	names, texts := make([]string, len(declared)), make([]string, len(declared))
	for i, d := range declared {
		names[i], texts[i] = d.Name, d.Declaration
	}

	_, err := r.one(ctx, "repo.TouchSchedules", "schedules_touch", namedArgs{
		"names": names, "declarations": texts, "quiet": scheduleQuiet.Seconds(),
	})

	return err
}

// errRefused rolls back a transaction whose job the limit of open jobs refuses.
var errRefused = errors.New("as many jobs as the limit allows are open")

// FireSchedule decides one slot: in one transaction it moves the schedule to its
// next slot and starts the job. Landed is false if another process decides the
// slot, or if the schedule has changed.
func (r *Repo) FireSchedule(
	ctx context.Context, f state.ScheduleFire, limit int,
) (res state.Fired, effects state.TransitionEffects, err error) {
	err = r.inTx(ctx, "repo.FireSchedule", func(t tx) error {
		res, effects = state.Fired{}, state.TransitionEffects{}
		args := namedArgs{"name": f.Name, "declaration": f.Declaration, "next_at": f.NextAt}

		last, found, err := lockSchedule(ctx, t, "schedule_lock", args)
		if err != nil || !found {
			return err
		}

		if f.Job != nil {
			err = t.startScheduled(ctx, f.Job, f.Overlap, last, limit, &res, &effects)
		}

		if err != nil {
			return err
		}

		res.Landed = true

		var job []byte
		if f.Job != nil && !res.Skipped {
			job = f.Job.JobID[:]
		}

		skipped := 0
		if res.Skipped {
			skipped = 1
		}

		_, err = t.exec(ctx, "schedule_advance", namedArgs{
			"name": f.Name, "next": f.Next, "next_at": f.NextAt, "slot": f.Slot, "job_id": job,
			"skipped": skipped, "missed": f.Missed, "keep": scheduleRuns,
		})

		return err
	})
	if errors.Is(err, errRefused) {
		return state.Fired{Refused: true}, state.TransitionEffects{}, nil
	}

	return res, effects, err
}

// lockSchedule returns the last job of a schedule, nil if there is none.
func lockSchedule(ctx context.Context, t tx, name string, args namedArgs) (last []byte, found bool, err error) {
	rows, err := t.query(ctx, name, args)
	if err != nil {
		return nil, false, err
	}

	last, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[[]byte])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}

	return last, err == nil, err
}

// startScheduled starts the job of a schedule as the overlap rule allows. The
// schedule is locked, so that one transaction at a time decides.
func (t tx) startScheduled(
	ctx context.Context,
	job *state.JobSpec,
	overlap state.Overlap,
	last []byte,
	limit int,
	res *state.Fired,
	effects *state.TransitionEffects,
) error {
	if last != nil && overlap != state.OverlapAllow {
		rows, err := t.query(ctx, "job_open", namedArgs{"job_id": last})
		if err != nil {
			return err
		}

		open, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
		if err != nil {
			return err
		}

		if open {
			res.Open = state.JobID(last)
		}

		if open && overlap == state.OverlapSkip {
			res.Skipped = true
			return nil
		}

		if open {
			effects.Queue(state.QueueJobs)

			if _, err := t.exec(ctx, "cancel_job", namedArgs{"job_id": last, "by": job.By}); err != nil {
				return err
			}
		}
	}

	outcomes, _, err := t.insertJobs(ctx, []state.JobSpec{*job}, limit, effects)
	if err != nil {
		return err
	}

	res.Found = outcomes[0] == state.SubmitFound
	if outcomes[0] == state.SubmitRefused {
		return errRefused
	}

	return nil
}

// TriggerSchedule starts the job of a schedule outside its slots. Landed is
// false if the schedule has changed.
func (r *Repo) TriggerSchedule(
	ctx context.Context, f state.ScheduleTrigger, limit int,
) (res state.Fired, effects state.TransitionEffects, err error) {
	err = r.inTx(ctx, "repo.TriggerSchedule", func(t tx) error {
		res, effects = state.Fired{}, state.TransitionEffects{}
		args := namedArgs{"name": f.Name, "declaration": f.Declaration}

		last, found, err := lockSchedule(ctx, t, "schedule_lock_any", args)
		if err != nil || !found {
			return err
		}

		res.Landed = true

		err = t.startScheduled(ctx, f.Job, f.Overlap, last, limit, &res, &effects)
		if err != nil || res.Skipped || res.Found {
			return err
		}

		_, err = t.exec(ctx, "schedule_record", namedArgs{
			"name": f.Name, "outcome": "triggered", "slot": nil, "slots": 1, "job_id": f.Job.JobID[:], "by": f.By,
			"keep": scheduleRuns,
		})

		return err
	})
	if errors.Is(err, errRefused) {
		return state.Fired{Refused: true}, state.TransitionEffects{}, nil
	}

	return res, effects, err
}

// RecordBackfill records a backfill that has started its jobs.
func (r *Repo) RecordBackfill(ctx context.Context, b state.Backfill) error {
	_, err := r.one(ctx, "repo.RecordBackfill", "schedule_record", namedArgs{
		"name": b.Name, "outcome": "backfilled", "slot": b.Slot, "slots": b.Slots, "job_id": nil, "by": b.By,
		"keep": scheduleRuns,
	})

	return err
}

// ScheduleFailed records why the next slot of a schedule has not started a job.
func (r *Repo) ScheduleFailed(ctx context.Context, name string, nextAt time.Time, problem string) error {
	_, err := r.one(ctx, "repo.ScheduleFailed", "schedule_failed", namedArgs{
		"name": name, "next_at": nextAt, "error": state.CleanText(problem),
	})

	return err
}

// PauseSchedule pauses a schedule. landed is false if it does not exist or was
// removed.
func (r *Repo) PauseSchedule(ctx context.Context, name, by string) (landed bool, err error) {
	n, err := r.one(ctx, "repo.PauseSchedule", "schedule_pause", namedArgs{"name": name, "by": by})
	return n > 0, err
}

// ResumeSchedule resumes a schedule at its next slot. landed is false if it does
// not exist, was removed, or has another declaration.
func (r *Repo) ResumeSchedule(ctx context.Context, name, declaration string, next *time.Time) (landed bool, err error) {
	n, err := r.one(ctx, "repo.ResumeSchedule", "schedule_resume", namedArgs{
		"name": name, "declaration": declaration, "next": next,
	})

	return n > 0, err
}
