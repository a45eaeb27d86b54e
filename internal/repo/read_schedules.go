package repo

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// scheduleRow is a row of read_schedules.
type scheduleRow struct {
	Name        string
	Declaration string
	NextAt      *time.Time
	PausedAt    *time.Time
	PausedBy    string
	RemovedAt   *time.Time
	LastSlot    *time.Time
	LastJobID   []byte
	LastStatus  *string
	Fired       int64
	Skipped     int64
	Missed      int64
	Error       string
	ErrorAt     *time.Time
}

func (row scheduleRow) view(now time.Time, upcoming int) (view.ScheduleView, error) {
	v := view.ScheduleView{
		Name: row.Name, NextAt: utc(row.NextAt), PausedAt: utc(row.PausedAt), PausedBy: row.PausedBy,
		RemovedAt: utc(row.RemovedAt), LastSlot: utc(row.LastSlot), LastJobID: jobOrNil(row.LastJobID),
		LastStatus: state.JobStatus(orEmpty(row.LastStatus)),
		Fired:      row.Fired, Skipped: row.Skipped, MissedSlot: row.Missed,
		Error: row.Error, ErrorAt: utc(row.ErrorAt),
	}
	if err := json.Unmarshal([]byte(row.Declaration), &v.ScheduleDeclaration); err != nil {
		return v, state.Wrap(
			state.CodeInternal, "repo.ListSchedules", "the declaration of a schedule cannot be read", err)
	}

	v.Upcoming(now, upcoming)

	return v, nil
}

func jobOrNil(raw []byte) *state.JobID {
	if raw == nil {
		return nil
	}

	id := state.JobID(raw)

	return &id
}

// ListSchedules returns all schedules by name, each with its next slots.
func (r *Repo) ListSchedules(ctx context.Context) ([]view.ScheduleView, error) {
	return r.readSchedules(ctx, "", 3)
}

func (r *Repo) readSchedules(ctx context.Context, name string, upcoming int) ([]view.ScheduleView, error) {
	const op = "repo.ListSchedules"

	now, err := r.Now(ctx)
	if err != nil {
		return nil, err
	}

	rows, err := r.pool.Query(ctx, statement("read_schedules"), namedArgs{"name": name})
	if err != nil {
		return nil, failure(op, err)
	}

	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[scheduleRow])
	if err != nil {
		return nil, failure(op, err)
	}

	views := make([]view.ScheduleView, len(found))
	for i, row := range found {
		if views[i], err = row.view(now, upcoming); err != nil {
			return nil, err
		}
	}

	return views, nil
}

// ReadSchedule returns a schedule with the outcome of its last slots. It returns
// CodeNotFound if there is no such schedule.
func (r *Repo) ReadSchedule(ctx context.Context, name string) (view.ScheduleDetail, error) {
	const op = "repo.ReadSchedule"

	found, err := r.readSchedules(ctx, name, view.MaxUpcoming)
	if err != nil {
		return view.ScheduleDetail{}, err
	}

	if len(found) == 0 || name == "" {
		return view.ScheduleDetail{}, state.Errorf(state.CodeNotFound, op, "no schedule %q", name)
	}

	detail := view.ScheduleDetail{ScheduleView: found[0], Runs: []view.ScheduleRun{}}
	args := namedArgs{"name": name, "most": view.MaxScheduleRuns}

	rows, err := r.pool.Query(ctx, statement("read_schedule_runs"), args)
	if err != nil {
		return detail, failure(op, err)
	}

	var (
		run    view.ScheduleRun
		job    []byte
		status *string
	)

	into := []any{&run.At, &run.Outcome, &run.Slot, &run.Slots, &job, &status, &run.By}

	_, err = pgx.ForEachRow(rows, into, func() error {
		one := run
		one.At, one.Slot, one.JobID = run.At.UTC(), utc(run.Slot), jobOrNil(job)
		one.Status = state.JobStatus(orEmpty(status))
		detail.Runs = append(detail.Runs, one)

		return nil
	})
	if err != nil {
		return detail, failure(op, err)
	}

	return detail, nil
}
