package coremachine

import (
	"context"
	"maps"
	"slices"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// Scheduler declares schedules and fires their slots.
type Scheduler interface {
	// Schedules also returns the time of the database.
	Schedules(ctx context.Context) (found []state.ScheduleRow, now time.Time, err error)
	DeclareSchedules(ctx context.Context, declared []state.DeclaredSchedule, force bool) error
	TouchSchedules(ctx context.Context, declared []state.DeclaredSchedule) error
	FireSchedule(
		ctx context.Context,
		f state.ScheduleFire,
		limit int,
	) (res state.Fired, effects state.TransitionEffects, err error)
	ScheduleFailed(ctx context.Context, name string, nextAt time.Time, problem string) error
}

// How often a process looks at the schedules: at the next slot that it knows, and
// at least this often, since another process may resume or declare one.
const (
	scheduleLook = 5 * time.Second
	scheduleIdle = time.Minute // of a process that declares no schedule
	scheduleSoon = 100 * time.Millisecond
	// scheduleRetry is the maximum wait after a slot that could not be fired.
	scheduleRetry = time.Minute
)

// schedules is what a process knows of its schedules. One goroutine uses it.
type schedules struct {
	declared map[string]state.ScheduleDeclaration
	texts    map[string]string
	forced   bool                 // the declarations have replaced those of other processes
	retryAt  map[string]time.Time // when a schedule that failed is tried again
	failures map[string]int
}

func (m *Machine) newSchedules() *schedules {
	s := &schedules{
		declared: map[string]state.ScheduleDeclaration{},
		texts:    map[string]string{},
		retryAt:  map[string]time.Time{},
		failures: map[string]int{},
	}
	for name, declared := range m.cfg.Schedules {
		s.declared[name] = declared.Declaration(m.cfg.Jobs)
		s.texts[name] = s.declared[name].Text()
	}

	return s
}

// keepSchedules declares the schedules of this process and fires their slots
// until ctx ends. Every process does; the database decides which one fires a
// slot.
func (m *Machine) keepSchedules(ctx context.Context) {
	s := m.newSchedules()

	for wait := time.Duration(0); clock.Sleep(ctx, wait); {
		if !m.Ready() {
			wait = scheduleSoon
			continue
		}

		next, err := m.scheduleRound(ctx, s)
		if err != nil {
			m.log.Debug("firing schedules failed", keys.Error, err)

			next = scheduleLook
		}

		wait = max(next, scheduleSoon)
	}
}

// scheduleRound looks at the schedules once, and returns how long to wait.
func (m *Machine) scheduleRound(ctx context.Context, s *schedules) (time.Duration, error) {
	rows, now, err := m.store.Schedules(ctx)
	if err != nil {
		return 0, err
	}

	read := time.Now()

	changed, err := m.declareSchedules(ctx, s, rows, now)
	if err != nil || changed {
		return 0, err
	}

	wait := scheduleLook
	if len(s.declared) == 0 {
		wait = scheduleIdle
	}

	for _, row := range rows {
		if row.Declaration != s.texts[row.Name] || row.Paused || row.Removed || row.NextAt == nil {
			continue
		}

		next := m.fireDue(ctx, s, row, now)
		if !next.IsZero() {
			wait = min(wait, next.Sub(now)-time.Since(read))
		}
	}

	return wait, nil
}

// declareSchedules writes what this process declares, where the rows differ.
// changed means that the rows have to be read again.
func (m *Machine) declareSchedules(
	ctx context.Context, s *schedules, rows []state.ScheduleRow, now time.Time,
) (changed bool, err error) {
	known := map[string]state.ScheduleRow{}
	differs, quiet := false, false

	for _, row := range rows {
		known[row.Name] = row
		text, mine := s.texts[row.Name]

		switch {
		case !mine:
			differs = differs || !row.Removed && row.Abandoned
		case row.Removed || text != row.Declaration:
			differs = differs || row.Removed || row.Stale || !s.forced
		default:
			quiet = quiet || row.Quiet
		}
	}

	declared := make([]state.DeclaredSchedule, 0, len(s.texts))

	for _, name := range slices.Sorted(maps.Keys(s.texts)) {
		_, ok := known[name]
		differs = differs || !ok

		declared = append(declared, state.DeclaredSchedule{
			Name: name, Declaration: s.texts[name], NextAt: instant(m.cfg.Schedules[name].Next(now)),
		})
	}

	if differs {
		err := m.store.DeclareSchedules(ctx, declared, !s.forced)
		s.forced = s.forced || err == nil

		return true, err
	}

	s.forced = true

	if quiet {
		return false, m.store.TouchSchedules(ctx, declared)
	}

	return false, nil
}

// fireDue fires the due slots of one schedule, and returns when to look at it
// again.
func (m *Machine) fireDue(
	ctx context.Context, s *schedules, row state.ScheduleRow, now time.Time,
) (next time.Time) {
	if at, ok := s.retryAt[row.Name]; ok && time.Now().Before(at) {
		return now.Add(time.Until(at))
	}

	for nextAt := row.NextAt; nextAt != nil; {
		if nextAt.After(now) {
			return *nextAt
		}

		fire := nextFire(m.cfg.Schedules[row.Name], s.declared[row.Name], *nextAt, now)
		fire.Name, fire.Declaration = row.Name, row.Declaration

		landed, err := m.fireSlot(ctx, fire)
		if err != nil {
			return m.scheduleFailed(ctx, s, fire, now, err)
		}

		delete(s.retryAt, row.Name)
		delete(s.failures, row.Name)

		if !landed { // another process fires it
			return now.Add(scheduleSoon)
		}

		nextAt = fire.Next
	}

	return time.Time{}
}

// fireSlot starts the job of a slot, if it starts one, and moves the schedule.
func (m *Machine) fireSlot(ctx context.Context, fire state.ScheduleFire) (landed bool, err error) {
	if !fire.Slot.IsZero() {
		spec, err := m.scheduledJob(ctx, m.cfg.Schedules[fire.Name], SubmitRequest{
			RunKey: state.ScheduleKey(fire.Name, fire.Slot), By: "schedule " + fire.Name,
		})
		if err != nil {
			return false, err
		}

		fire.Job = &spec
	} else {
		fire.Slot = fire.NextAt
	}

	res, effects, err := m.store.FireSchedule(ctx, fire, m.cfg.MaxQueued)
	if err != nil {
		return false, err
	}

	m.wake(effects)

	if res.Refused {
		return false, m.busy()
	}

	return res.Landed, nil
}

// scheduledJob makes the job of a schedule, with the checks of a submit.
func (m *Machine) scheduledJob(
	ctx context.Context, s define.Schedule, req SubmitRequest,
) (state.JobSpec, error) {
	declared := s.Declaration(m.cfg.Jobs)
	req.Type, req.Tags = declared.JobType, declared.Tags

	if err := s.Job().Preflight(ctx, s.Params(), m.cfg.Deps); err != nil {
		return state.JobSpec{}, err
	}

	return graph(m.cfg.Handlers, req, s.Job(), s.Params())
}

// scheduleFailed records why a slot could not be fired. The slot stays due.
func (m *Machine) scheduleFailed(
	ctx context.Context, s *schedules, fire state.ScheduleFire, now time.Time, cause error,
) time.Time {
	s.failures[fire.Name]++

	wait := min(time.Second<<min(s.failures[fire.Name], 6), scheduleRetry)
	s.retryAt[fire.Name] = time.Now().Add(wait)

	m.log.Warn("a schedule could not start its job", keys.Schedule, fire.Name, keys.Error, cause)

	if err := m.store.ScheduleFailed(ctx, fire.Name, fire.NextAt, failureText(cause)); err != nil {
		m.log.Debug("recording the failure of a schedule failed", keys.Error, err)
	}

	return now.Add(wait)
}

// instant returns nil for no time.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}

	return &t
}
