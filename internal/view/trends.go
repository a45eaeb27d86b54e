package view

import (
	"cmp"
	"slices"
	"time"
)

// TrendCounts are what started and ended in a period.
type TrendCounts struct {
	JobsStarted    int64 `json:"jobs_started"` // a worker claimed the first work of a run
	JobsCompleted  int64 `json:"jobs_completed"`
	JobsWithErrors int64 `json:"jobs_completed_with_errors"`
	JobsFailed     int64 `json:"jobs_failed"`
	JobsCancelled  int64 `json:"jobs_cancelled"`
	TasksCompleted int64 `json:"tasks_completed"`
	TasksFailed    int64 `json:"tasks_failed"`
	Retries        int64 `json:"retries"` // failed attempts whose task is tried again
}

// JobsEnded is the number of jobs that ended, with any status.
func (c TrendCounts) JobsEnded() int64 {
	return c.JobsCompleted + c.JobsWithErrors + c.JobsFailed + c.JobsCancelled
}

// TasksEnded is the number of tasks that completed or failed.
func (c TrendCounts) TasksEnded() int64 { return c.TasksCompleted + c.TasksFailed }

// Add adds the counts of another period or type.
func (c *TrendCounts) Add(o TrendCounts) {
	c.JobsStarted += o.JobsStarted
	c.JobsCompleted += o.JobsCompleted
	c.JobsWithErrors += o.JobsWithErrors
	c.JobsFailed += o.JobsFailed
	c.JobsCancelled += o.JobsCancelled
	c.TasksCompleted += o.TasksCompleted
	c.TasksFailed += o.TasksFailed
	c.Retries += o.Retries
}

// TrendQueue is the highest depth and age that sweeps found in a step.
type TrendQueue struct {
	Waiting       int     `json:"waiting"`        // messages without a worker; the count stops at MaxDepth
	Dead          int     `json:"dead"`           // as for Waiting
	OldestSeconds float64 `json:"oldest_seconds"` // age of the oldest due message; 0: none
}

// TrendStep is one step of a window.
type TrendStep struct {
	At     time.Time             `json:"at"`     // the beginning of the step
	Counts *TrendCounts          `json:"counts"` // null: nothing was recorded then
	Queues map[string]TrendQueue `json:"queues"` // by queue; null: no sweep ran
}

// Per returns a count of the step as a number per unit. If nothing was recorded
// then, it is nil.
func (s TrendStep) Per(units float64, of func(TrendCounts) int64) *float64 {
	if s.Counts == nil {
		return nil
	}

	n := float64(of(*s.Counts)) / units

	return &n
}

// Waiting adds up the queues. If no sweep ran, it is nil.
func (s TrendStep) Waiting() *float64 {
	if s.Queues == nil {
		return nil
	}

	n := 0.0
	for _, q := range s.Queues {
		n += float64(q.Waiting)
	}

	return &n
}

// Oldest returns the highest age of the queues, in seconds. If no sweep ran, it
// is nil.
func (s TrendStep) Oldest() *float64 {
	if s.Queues == nil {
		return nil
	}

	age := 0.0
	for _, q := range s.Queues {
		age = max(age, q.OldestSeconds)
	}

	return &age
}

// TrendType are the counts of a job type.
type TrendType struct {
	JobType string `json:"job_type"`
	TrendCounts
}

// TrendsView are the recorded numbers of a window of whole minutes.
type TrendsView struct {
	Window  string      `json:"window"`
	JobType string      `json:"job_type"` // of which the counts are; empty: all
	From    time.Time   `json:"from"`
	Until   time.Time   `json:"until"` // the beginning of the current minute
	Since   *time.Time  `json:"since"` // the first recorded minute; null: none
	Step    int         `json:"step_seconds"`
	Steps   []TrendStep `json:"steps"`
	Total   TrendCounts `json:"total"`
	Types   []TrendType `json:"types"` // most tasks first
	Usual   UsualView   `json:"usual"`
}

// TrendWindow is a window of the trends.
type TrendWindow struct {
	Name  string
	Long  time.Duration
	Step  time.Duration
	Words string
}

// TrendWindows are the windows, the shortest first. The longest is the time for
// which trends are kept.
var TrendWindows = []TrendWindow{
	{"1h", time.Hour, time.Minute, "Last hour"},
	{"24h", 24 * time.Hour, 15 * time.Minute, "Last 24 hours"},
	{"7d", TrendsKept, 2 * time.Hour, "Last 7 days"},
}

// TrendsKept is the time for which trends are kept.
const TrendsKept = 7 * 24 * time.Hour

// FindTrendWindow returns the window with a name. The empty name is the first.
func FindTrendWindow(name string) (TrendWindow, bool) {
	i := slices.IndexFunc(TrendWindows, func(w TrendWindow) bool {
		return w.Name == cmp.Or(name, TrendWindows[0].Name)
	})
	if i < 0 {
		return TrendWindow{}, false
	}

	return TrendWindows[i], true
}

// TrendFilter selects trends.
type TrendFilter struct {
	Window  TrendWindow
	JobType string // empty: all
}

// NewTrends returns an empty window that ends at a minute. Steps that began
// before the first recorded minute are unknown.
func NewTrends(f TrendFilter, until time.Time, since *time.Time) TrendsView {
	v := TrendsView{
		Window:  f.Window.Name,
		JobType: f.JobType,
		From:    until.Add(-f.Window.Long),
		Until:   until,
		Since:   since,
		Step:    int(f.Window.Step / time.Second),
		Types:   []TrendType{},
	}

	for at := v.From; at.Before(until); at = at.Add(f.Window.Step) {
		step := TrendStep{At: at}
		if since != nil && !at.Before(*since) {
			step.Counts = &TrendCounts{}
		}

		v.Steps = append(v.Steps, step)
	}

	return v
}

// Count adds the counts of a type to a step.
func (v *TrendsView) Count(step int, jobType string, counts TrendCounts) {
	if step < 0 || step >= len(v.Steps) {
		return
	}

	if v.Steps[step].Counts == nil {
		v.Steps[step].Counts = &TrendCounts{}
	}

	v.Steps[step].Counts.Add(counts)
	v.Total.Add(counts)

	i := slices.IndexFunc(v.Types, func(t TrendType) bool { return t.JobType == jobType })
	if i < 0 {
		i = len(v.Types)
		v.Types = append(v.Types, TrendType{JobType: jobType})
	}

	v.Types[i].Add(counts)
}

// SetQueue records a queue of a step.
func (v *TrendsView) SetQueue(step int, queue string, found TrendQueue) {
	if step < 0 || step >= len(v.Steps) {
		return
	}

	s := &v.Steps[step]
	if s.Queues == nil {
		s.Queues = map[string]TrendQueue{}
	}

	s.Queues[queue] = found
}

// SortTypes puts the types with most tasks first.
func (v *TrendsView) SortTypes() {
	slices.SortStableFunc(v.Types, func(a, b TrendType) int {
		return cmp.Or(
			cmp.Compare(b.TasksEnded(), a.TasksEnded()),
			cmp.Compare(b.JobsEnded(), a.JobsEnded()),
			cmp.Compare(a.JobType, b.JobType),
		)
	})
}
