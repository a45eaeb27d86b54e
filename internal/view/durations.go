package view

import (
	"fmt"
	"time"
)

// Durations of jobs and stages. Each is divided into the time in which work was
// ready and waited for a worker, and the time from the first claim to the end.

// Ready returns when the current run of the job could start: when it was
// submitted, retried or due. If that is not known any more, Ready returns nil.
func (j *JobSummary) Ready() *time.Time {
	at := j.CreatedAt
	if j.Attempt > 1 {
		at = j.LastSubmittedAt
	}

	if j.StartAt != nil && j.StartAt.After(at) {
		at = *j.StartAt
	}

	// Each further submit of a job moves the time of the last one.
	if at.IsZero() || j.StartedAt != nil && at.After(*j.StartedAt) {
		return nil
	}

	return &at
}

// Waited returns how long the job waited for its first claim, or has waited. It
// returns nil if that is not known.
func (j *JobSummary) Waited(now time.Time) *time.Duration {
	return span(j.Ready(), firstOf(j.StartedAt, j.FinishedAt), now)
}

// Ran returns the time from the first claim of the current run to its end, or to
// now. It returns nil if no work was claimed.
func (j *JobSummary) Ran(now time.Time) *time.Duration { return span(j.StartedAt, j.FinishedAt, now) }

// Rate returns how many tasks per second the job has done on average. It returns
// nil if it has not done any.
func (j *JobSummary) Rate(now time.Time) *float64 { return average(j.Tasks.Done(), j.Ran(now)) }

// StageRun is a run of a stage that a retry continued.
type StageRun struct {
	FirstClaimedAt time.Time `json:"first_claimed_at"`
	FinishedAt     time.Time `json:"finished_at"`
}

// Began returns when the first task of the stage was claimed in the current run,
// or nil if none was. Of a stage that an older build ran, only its start is
// known.
func (s *StageView) Began() *time.Time {
	at := s.FirstClaimedAt

	switch {
	case s.StartedAt == nil:
		return nil
	case at == nil && (s.Tasks.Done() == 0 || len(s.EarlierRuns) > 0):
		return nil
	case at == nil || at.Before(*s.StartedAt):
		return s.StartedAt
	case s.FinishedAt != nil && at.After(*s.FinishedAt):
		return s.FinishedAt
	}

	return at
}

// Waited returns how long the ready stage waited for its first claim, or has
// waited. It returns nil if the stage was not ready.
func (s *StageView) Waited(now time.Time) *time.Duration {
	return span(s.StartedAt, firstOf(s.Began(), s.FinishedAt), now)
}

// Ran returns the time from the first claim to the end of the stage, or to now.
// It returns nil if no task was claimed.
func (s *StageView) Ran(now time.Time) *time.Duration { return span(s.Began(), s.FinishedAt, now) }

// Rate returns how many tasks per second the stage has done on average. It
// returns nil if it has not done any.
func (s *StageView) Rate(now time.Time) *float64 { return average(s.Tasks.Done(), s.Ran(now)) }

// FromEarlierRun reports whether the stage ended before the current run of the
// job, which continues another one, began.
func (s *StageView) FromEarlierRun(j *JobSummary) bool {
	return j.Attempt > 1 && s.FinishedAt != nil && j.StartedAt != nil && s.FinishedAt.Before(*j.StartedAt)
}

func average(done int, ran *time.Duration) *float64 {
	if done == 0 || ran == nil || *ran <= 0 {
		return nil
	}

	rate := float64(done) / ran.Seconds()

	return &rate
}

// span returns the time between two moments. Without an end, it ends now.
func span(from, to *time.Time, now time.Time) *time.Duration {
	if from == nil {
		return nil
	}

	if to == nil {
		to = &now
	}

	d := max(to.Sub(*from), 0)

	return &d
}

// ended returns the time between two moments, or nil if the end is not known.
func ended(from, to *time.Time) *time.Duration {
	if to == nil {
		return nil
	}

	return span(from, to, *to)
}

func firstOf(a, b *time.Time) *time.Time {
	if a != nil {
		return a
	}

	return b
}

// FormatDuration formats a duration: 850 ms, 2.1 s, 4 m 07 s, 3 h 12 m, 2 d 5 h.
// It cuts and does not round, as a clock does.
func FormatDuration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", float64(d/(100*time.Millisecond))/10)
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %02d m", d/time.Hour, d%time.Hour/time.Minute)
	}

	return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}
