package render

import (
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	t.Parallel()

	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1000): "1,000", Count(-1234567): "-1,234,567",
		Elapsed(21900 * time.Millisecond): "21 s", Elapsed(61 * time.Second): "1 m 01 s",
		Ago(now, *before(500 * time.Millisecond)): "now", Ago(now, *before(21 * time.Second)): "21 s ago",
		Ago(now, *before(2 * time.Minute)): "2 m ago", Ago(now, *before(3 * time.Hour)): "3 h ago",
		Ago(now, *before(8 * 24 * time.Hour)): "2026-11-15", Ago(now, time.Time{}): "-",
		Rate(0): "", Rate(0.42): "0.4/s", Rate(412.4): "412/s", Rate(39200): "39,200/s",
		Things(1, "task"): "1 task", Things(2000, "task"): "2,000 tasks",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestBarIsEmptyOrFullOnlyAtTheEnds(t *testing.T) {
	t.Parallel()

	s, ascii := Style{}, Style{ASCII: true}
	for got, want := range map[string]string{
		s.Bar(0, 10, 4, Plain):           "░░░░",
		s.Bar(1, 1000000, 4, Plain):      "▏░░░",
		s.Bar(999999, 1000000, 4, Plain): "███▉",
		s.Bar(10, 10, 4, Plain):          "████",
		s.Bar(5, 10, 4, Plain):           "██░░",
		s.Bar(0, 0, 2, Plain):            "░░",
		s.Bar(20, 10, 2, Plain):          "██",
		ascii.Bar(1, 1000, 4, Plain):     "[#...]",
		ascii.Bar(999, 1000, 4, Plain):   "[###.]",
		ascii.Bar(1000, 1000, 4, Plain):  "[####]",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestCutCountsColumns(t *testing.T) {
	t.Parallel()

	s := Style{}
	for got, want := range map[string]string{
		s.Cut("abcdef", 6): "abcdef", s.Cut("abcdef", 5): "abcd…", s.Cut("世界世界", 5): "世界…", s.Cut("世界世界", 4): "世…",
		s.Cut("abc", 0): "abc", Style{ASCII: true}.Cut("abcdef", 4): "abc~",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
