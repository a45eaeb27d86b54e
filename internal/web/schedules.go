package web

import (
	"context"
	"net/url"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// scheduleItem is a schedule with what the pages show of it.
type scheduleItem struct {
	view.ScheduleView
	State string // a key of looks
}

// Rule describes what happens to overlapping and missed slots.
func (i scheduleItem) Rule() string {
	rule := map[state.Overlap]string{
		state.OverlapSkip:           "skip while the last job is open",
		state.OverlapAllow:          "start in any case",
		state.OverlapCancelPrevious: "cancel the last job",
	}[i.Overlap]

	switch i.Missed {
	case state.MissedFireAll:
		rule += "; missed slots: up to " + num(i.Limit)
	case state.MissedIgnore:
		rule += "; missed slots: none"
	case state.MissedFireOnce:
		rule += "; missed slots: the newest"
	}

	return rule
}

func scheduleItemOf(v view.ScheduleView) scheduleItem { return scheduleItem{v, v.ScheduleState()} }

// schedulesPage is the data of the template "schedules".
type schedulesPage struct{ Items []scheduleItem }

func loadSchedules(ctx context.Context, s *Server, _ *input) (content, error) {
	found, err := s.Reader.ListSchedules(ctx)
	if err != nil {
		return content{}, err
	}

	p := schedulesPage{}
	for _, one := range found {
		p.Items = append(p.Items, scheduleItemOf(one))
	}

	return content{Title: "Schedules", Data: p, Parts: []part{{ID: "schedules", Template: "schedules-live"}}}, nil
}

// schedulePage is the data of the template "schedule".
type schedulePage struct {
	scheduleItem
	Runs []view.ScheduleRun
	// The query of a backfill of the last day, and of the last week.
	Day, Week string
}

func loadSchedule(ctx context.Context, s *Server, in *input) (content, error) {
	found, err := s.Reader.ReadSchedule(ctx, in.params["schedule"])
	if err != nil {
		return content{}, err
	}

	now := time.Now().UTC().Truncate(time.Minute)
	past := func(days int) string {
		return "?" + url.Values{
			"from":  {now.AddDate(0, 0, -days).Format(time.RFC3339)},
			"until": {now.Add(-time.Minute).Format(time.RFC3339)},
		}.Encode()
	}
	p := schedulePage{
		scheduleItem: scheduleItemOf(found.ScheduleView), Runs: found.Runs, Day: past(1), Week: past(7),
	}

	return content{Title: found.Name + " schedule", Data: p, Parts: []part{
		{ID: "schedule-head", Template: "schedule-head"},
		{ID: "schedule-live", Template: "schedule-live"},
	}}, nil
}
