package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Verdicts of a comparison.
const (
	TrendUsual   = "usual"
	TrendHigher  = "higher"
	TrendLower   = "lower"
	TrendUnusual = "unusual" // of the whole: a number is higher or lower
	TrendUnknown = "unknown" // the same hour of no earlier day is recorded
)

// UsualDays is the number of days before that the last hour is compared with.
// The same hour of one day more is not kept whole.
const UsualDays = 6

// UsualView compares the last hour with the same hour of the days before.
type UsualView struct {
	Verdict string     `json:"verdict"` // usual, unusual or unknown
	Text    string     `json:"text"`    // the same as a sentence
	Days    int        `json:"days"`    // days before whose hour is recorded
	Numbers []UsualOne `json:"numbers"`
}

// UsualOne compares one number.
type UsualOne struct {
	Name    string  `json:"name"`
	Now     float64 `json:"now"`
	Low     float64 `json:"low"`  // the lowest of the days before; 0 without any
	High    float64 `json:"high"` // as for Low
	Verdict string  `json:"verdict"`
}

// TrendHour is one hour as it is compared. A nil depth or age was not measured.
type TrendHour struct {
	TrendCounts
	Waiting *int
	Oldest  *float64
}

// usualFactor is how far outside the range of the days before a number must be
// to be called unusual.
const usualFactor = 1.5

// measure is a number that is compared. Differences of up to slack are usual.
type measure struct {
	name, more, fewer string // fewer is empty if fewer is good
	slack             float64
	seconds           bool
	of                func(h TrendHour) (float64, bool)
}

func counted(of func(c TrendCounts) int64) func(TrendHour) (float64, bool) {
	return func(h TrendHour) (float64, bool) { return float64(of(h.TrendCounts)), true }
}

func measured[N int | float64](of func(h TrendHour) *N) func(TrendHour) (float64, bool) {
	return func(h TrendHour) (float64, bool) {
		n := of(h)
		if n == nil {
			return 0, false
		}

		return float64(*n), true
	}
}

var measures = []measure{
	{"tasks_ended", "more tasks ended", "fewer tasks ended", 10, false, counted(TrendCounts.TasksEnded)},
	{"tasks_failed", "more tasks failed", "", 2, false, counted(func(c TrendCounts) int64 { return c.TasksFailed })},
	{"retries", "more retries", "", 5, false, counted(func(c TrendCounts) int64 { return c.Retries })},
	{"jobs_ended", "more jobs ended", "fewer jobs ended", 2, false, counted(TrendCounts.JobsEnded)},
	{"jobs_failed", "more jobs failed", "", 1, false, counted(func(c TrendCounts) int64 { return c.JobsFailed })},
	{"waiting", "more messages waited", "", 100, false, measured(func(h TrendHour) *int { return h.Waiting })},
	{
		"oldest_seconds", "messages waited longer", "", 30, true,
		measured(func(h TrendHour) *float64 { return h.Oldest }),
	},
}

// Compare compares the last hour with earlier ones. If hours of one job type
// are compared, they have no depth and no age.
func Compare(last TrendHour, before []TrendHour) UsualView {
	u := UsualView{Verdict: TrendUsual, Days: len(before), Numbers: []UsualOne{}}
	if len(before) == 0 {
		u.Verdict = TrendUnknown
	}

	var unusual []string

	for _, m := range measures {
		one, ok := m.compare(last, before)
		if !ok {
			continue
		}

		u.Numbers = append(u.Numbers, one)

		if words := m.words(one); words != "" {
			unusual = append(unusual, words)
		}
	}

	if len(unusual) > 0 {
		u.Verdict = TrendUnusual
	}

	u.Text = u.sentence(last, unusual)

	return u
}

func (m measure) compare(last TrendHour, before []TrendHour) (one UsualOne, ok bool) {
	one = UsualOne{Name: m.name, Verdict: TrendUnknown}
	if one.Now, ok = m.of(last); !ok {
		return one, false
	}

	known := 0

	for _, h := range before {
		v, ok := m.of(h)
		if !ok {
			continue
		}

		if known == 0 {
			one.Low, one.High = v, v
		}

		one.Low, one.High = min(one.Low, v), max(one.High, v)
		known++
	}

	switch {
	case known == 0:
	case one.Now > one.High*usualFactor+m.slack:
		one.Verdict = TrendHigher
	case m.fewer != "" && one.Now < one.Low/usualFactor-m.slack:
		one.Verdict = TrendLower
	default:
		one.Verdict = TrendUsual
	}

	return one, true
}

// words describes a number that is not usual; empty for any other.
func (m measure) words(one UsualOne) string {
	words := m.more

	switch one.Verdict {
	case TrendHigher:
	case TrendLower:
		words = m.fewer
	default:
		return ""
	}

	return fmt.Sprintf("%s (%s; %s before)", words, m.text(one.Now), m.span(one))
}

func (m measure) text(v float64) string {
	if m.seconds {
		return (time.Duration(v) * time.Second).String()
	}

	return grouped(int64(v))
}

func (m measure) span(one UsualOne) string {
	low, high := m.text(one.Low), m.text(one.High)
	if low == high {
		return low
	}

	return low + " to " + high
}

func (u UsualView) sentence(last TrendHour, unusual []string) string {
	hour := fmt.Sprintf(
		"%s tasks ended, %s failed, %s retries",
		grouped(last.TasksEnded()), grouped(last.TasksFailed), grouped(last.Retries),
	)
	days := "the same hour of the " + strconv.Itoa(u.Days) + " days before"

	if u.Days == 1 {
		days = "the same hour of the day before"
	}

	switch {
	case u.Verdict == TrendUnknown:
		return "Last hour: " + hour + ". The same hour of an earlier day is not recorded yet."
	case len(unusual) > 0:
		return "The last hour is unusual compared with " + days + ": " + strings.Join(unusual, ", ") + "."
	}

	return "The last hour is as usual, compared with " + days + ": " + hour + "."
}

// grouped formats a number with separated thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}

	return s
}
