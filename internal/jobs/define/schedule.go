package define

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"coremachine/internal/cron"
	"coremachine/internal/state"
)

// Schedule starts a job at local times. Every creates it. It is immutable and
// safe for concurrent use. CheckSchedules rejects the zero value.
type Schedule struct{ *schedule }

type schedule struct {
	slots    cron.Schedule
	job      Job
	params   Params
	declared state.ScheduleDeclaration // without the job type
	problems []string
}

// ScheduleOption configures a schedule.
type ScheduleOption func(*state.ScheduleDeclaration)

// Skip starts no job while the last job of the schedule is open. It is the
// default.
func Skip() ScheduleOption {
	return func(d *state.ScheduleDeclaration) { d.Overlap = state.OverlapSkip }
}

// Allow starts a job in any case.
func Allow() ScheduleOption {
	return func(d *state.ScheduleDeclaration) { d.Overlap = state.OverlapAllow }
}

// CancelPrevious cancels the last job if it is open, and starts a job.
func CancelPrevious() ScheduleOption {
	return func(d *state.ScheduleDeclaration) { d.Overlap = state.OverlapCancelPrevious }
}

// FireOnce fires the newest of several due slots, no matter how late. It is the
// default.
func FireOnce() ScheduleOption {
	return func(d *state.ScheduleDeclaration) { d.Missed, d.Limit = state.MissedFireOnce, 0 }
}

// FireAll fires each of several due slots, up to the newest limit slots. It
// requires Allow, because the jobs of missed slots start at the same time.
func FireAll(limit int) ScheduleOption {
	return func(d *state.ScheduleDeclaration) { d.Missed, d.Limit = state.MissedFireAll, limit }
}

// Ignore fires no slot that is more than two minutes late.
func Ignore() ScheduleOption {
	return func(d *state.ScheduleDeclaration) { d.Missed, d.Limit = state.MissedIgnore, 0 }
}

// Tags sets tags on the jobs of the schedule.
func Tags(tags map[string]string) ScheduleOption {
	tags = maps.Clone(tags)
	return func(d *state.ScheduleDeclaration) { d.Tags = tags }
}

// Every declares that a job starts at the times of a cron expression in a time
// zone, see package cron. params are the parameters of the job: a field that is
// zero and has a default gets the default. It never fails: CheckSchedules lists
// what is wrong with the declaration.
func Every[P any](expression, zone string, job Job, params P, opts ...ScheduleOption) Schedule {
	s := &schedule{job: job, declared: state.ScheduleDeclaration{
		Cron: expression, Zone: zone, Overlap: state.OverlapSkip, Missed: state.MissedFireOnce,
	}}
	for _, opt := range opts {
		opt(&s.declared)
	}

	var err error
	if s.slots, err = cron.Parse(expression, zone); err != nil {
		s.problem("%v", err)
	}

	d := s.declared
	if d.Missed == state.MissedFireAll && (d.Limit < 1 || d.Limit > state.MaxFireAll) {
		s.problem("the limit %d of FireAll is not between 1 and %d", d.Limit, state.MaxFireAll)
	}

	if d.Missed == state.MissedFireAll && d.Overlap != state.OverlapAllow {
		s.problem("FireAll requires Allow: the jobs of missed slots start at the same time")
	}

	if err := state.CheckTags("define.Every", d.Tags); err != nil {
		s.problem("%v", err)
	}

	s.setParams(job, params)

	return Schedule{s}
}

func (s *schedule) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

func (s *schedule) setParams(job Job, params any) {
	switch {
	case job.job == nil:
		s.problem("its job was not made by define.Define")
		return
	case reflect.TypeOf(params) != job.params:
		s.problem("its parameters are %T, but the job has %v", params, job.params)
		return
	case job.shape == nil:
		return // a problem of the job
	}

	body, err := bodyOf(job.shape, reflect.ValueOf(params))
	if err == nil {
		s.params, err = job.Parse(body)
	}

	if err != nil {
		s.problem("its parameters are invalid: %v", err)
		return
	}

	s.declared.Params = s.params.Canonical
}

// Next returns the first slot after a time, or zero if there is none.
func (s Schedule) Next(after time.Time) time.Time { return s.slots.Next(after) }

// Job returns the job that the schedule starts.
func (s Schedule) Job() Job { return s.job }

// Params returns the parameters of its jobs.
func (s Schedule) Params() Params { return s.params }

// Declaration returns what is stored of the schedule. jobs is the registry that
// names its job.
func (s Schedule) Declaration(jobs map[string]Job) state.ScheduleDeclaration {
	d := s.declared
	d.JobType, _ = nameOf(jobs, s.job)

	return d
}

// nameOf returns the name of a job in a registry.
func nameOf(jobs map[string]Job, job Job) (string, bool) {
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		if jobs[name].job == job.job && job.job != nil {
			return name, true
		}
	}

	return "", false
}

// MaxSchedules is the maximum number of schedules of a process.
const MaxSchedules = 1000

// CheckSchedules compares the schedules with the registry of jobs. It returns
// all problems in a stable order.
func CheckSchedules(schedules map[string]Schedule, jobs map[string]Job) []string {
	bad := []string{}
	if len(schedules) > MaxSchedules {
		bad = append(bad, fmt.Sprintf("%d schedules are declared, the maximum is %d", len(schedules), MaxSchedules))
	}

	for _, name := range slices.Sorted(maps.Keys(schedules)) {
		problem := func(text string) { bad = append(bad, "schedule "+name+": "+text) }
		if !snakeCase.MatchString(name) {
			problem("its name must be snake_case, at most 63 characters")
		}

		s := schedules[name]
		if s.schedule == nil {
			problem("it was not made by define.Every")
			continue
		}

		for _, p := range s.problems {
			problem(p)
		}

		if _, ok := nameOf(jobs, s.job); !ok && s.job.job != nil {
			problem("its job is not in the registry of jobs")
		}
	}

	return bad
}
