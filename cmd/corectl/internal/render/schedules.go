package render

import (
	"strconv"
	"time"

	"coremachine/internal/view"
)

// Schedules lists schedules for people.
func (s Style) Schedules(schedules []view.ScheduleView, now time.Time) []string {
	columns := []Column{
		{Head: "NAME", Cut: 8},
		{Head: "STATE"},
		{Head: "JOB", Cut: 7, Drop: 1},
		{Head: "WHEN", Cut: 9, Drop: 3},
		{Head: "NEXT", Drop: 2},
		{Head: "LAST", Drop: 4},
	}

	rows := make([][]string, len(schedules))
	for i, one := range schedules {
		next := "-"
		if one.NextAt != nil {
			next = In(now, *one.NextAt)
		}

		rows[i] = []string{
			s.Plain(one.Name), one.ScheduleState(), s.Plain(one.JobType), s.Plain(one.Cron + " " + one.Zone), next,
			string(one.LastStatus),
		}
	}

	return s.Table(columns, rows, func(r, c int) Ink {
		if c == 1 && schedules[r].Error != "" {
			return Red
		}

		return Plain
	})
}

// SchedulesTabbed lists schedules for other programs: name, state, job type,
// cron, zone, next slot, last slot, last job.
func SchedulesTabbed(schedules []view.ScheduleView) []string {
	rows := make([][]string, len(schedules))
	for i, one := range schedules {
		last := ""
		if one.LastJobID != nil {
			last = one.LastJobID.String()
		}

		rows[i] = []string{
			clean(one.Name), one.ScheduleState(), clean(one.JobType), clean(one.Cron), clean(one.Zone),
			stamp(one.NextAt), stamp(one.LastSlot), last,
		}
	}

	return Tabbed(rows)
}

// Schedule shows a schedule, its next slots and what became of its last ones.
func (s Style) Schedule(one view.ScheduleDetail, now time.Time) []string {
	lines := s.Schedules([]view.ScheduleView{one.ScheduleView}, now)
	if one.Error != "" {
		lines = append(lines, s.Paint(Red, s.Cut("ERROR  "+s.Plain(one.Error), s.Width)))
	}

	for _, at := range one.Next {
		lines = append(lines, s.Cut("NEXT  "+at.Format(time.RFC3339)+"  "+In(now, at), s.Width))
	}

	columns := []Column{
		{Head: "SLOT"},
		{Head: "OUTCOME"},
		{Head: "SLOTS", Right: true, Drop: 2},
		{Head: "JOB"},
		{Head: "STATUS", Drop: 1},
	}

	rows := make([][]string, len(one.Runs))
	for i, run := range one.Runs {
		slot, job := "-", "-"
		if run.Slot != nil {
			slot = run.Slot.Format(time.RFC3339)
		}

		if run.JobID != nil {
			job = Short(*run.JobID)
		}

		rows[i] = []string{slot, s.Plain(run.Outcome), strconv.Itoa(run.Slots), job, string(run.Status)}
	}

	return append(lines, s.Table(columns, rows, nil)...)
}
