package main

import (
	"fmt"
	"slices"
	"strings"
)

// table returns a Markdown table with a row per contender and two columns per
// shape, followed by the ratios.
func table(all []*contender, o options, samples map[string][]sample, before, after string) string {
	var b strings.Builder
	head, rule := "| engine | settings |", "|---|---|"
	for _, s := range o.shapes {
		if s.jobs == 0 {
			head, rule = head+fmt.Sprintf(" %s: ms (median) |", s), rule+"---:|"
			continue
		}
		head, rule = head+fmt.Sprintf(" %s: ms | tasks/s |", s), rule+"---:|---:|"
	}
	b.WriteString(head + "\n" + rule + "\n")
	for _, c := range all {
		fmt.Fprintf(&b, "| %s | %s |", c.engine, or(c.settings, c.variant))
		for _, s := range o.shapes {
			b.WriteString(cells(s, middle(samples, c, s).ms))
		}
		b.WriteString("\n")
		if c.name == "ours" {
			b.WriteString("| the floor | one connection, prepared |")
			for _, s := range o.shapes {
				b.WriteString(cells(s, middle(samples, c, s).floor))
			}
			b.WriteString("\n")
		}
	}
	ratio := func(name string, of func(s shape) float64) {
		fmt.Fprintf(&b, "| **%s** | rates |", name)
		for _, s := range o.shapes {
			text := " – |"
			if r := of(s); r > 0 {
				text = fmt.Sprintf(" **%.2f** |", r)
			}
			b.WriteString(text)
			if s.jobs > 0 {
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}
	of := func(name string, s shape) sample { return middle(samples, &contender{name: name}, s) }
	own := func(s shape) sample { return of("ours", s) }
	for _, peer := range []struct{ prefix, name string }{
		{"river/", "River's best"},
		{"dbos/", "DBOS's best"},
		{"workflows/", "go-workflows' best"},
		{"asynq/", "asynq's best"},
	} {
		ratio(
			"ours / "+peer.name,
			func(s shape) float64 { return share(best(all, samples, peer.prefix, s), own(s).ms) },
		)
	}
	ratio("ours / floor", func(s shape) float64 { return share(own(s).floor, own(s).ms) })
	ratio("Functions / engine mode", func(s shape) float64 { return share(own(s).ms, of("ours/functions", s).ms) })
	fmt.Fprintf(
		&b,
		"\nMedians of %d interleaved rounds; load average before and after: %s, %s.\n",
		o.rounds,
		before,
		after,
	)
	b.WriteString(problems(all))
	return b.String()
}

// problems says why contenders were not measured.
func problems(all []*contender) string {
	var b strings.Builder
	for _, c := range all {
		if c.problem != "" {
			fmt.Fprintf(&b, "\n%s %s: %s\n", c.engine, c.variant, c.problem)
		}
	}
	return b.String()
}

func cells(s shape, ms float64) string {
	switch {
	case ms == 0 && s.jobs == 0:
		return " – |"
	case ms == 0:
		return " – | – |"
	case s.jobs == 0:
		return fmt.Sprintf(" %.1f |", ms)
	}
	return fmt.Sprintf(" %.0f | %.0f |", ms, float64(s.tasks())/ms*1000)
}

// middle returns the median of a contender's samples, separately for each
// field. Without samples, it returns zero.
func middle(samples map[string][]sample, c *contender, s shape) sample {
	return median(samples[c.name+" "+s.name])
}

func median(all []sample) sample {
	if len(all) == 0 {
		return sample{}
	}
	var mss, floors []float64
	for _, one := range all {
		mss, floors = append(mss, one.ms), append(floors, one.floor)
	}
	slices.Sort(mss)
	slices.Sort(floors)
	return sample{ms: mss[len(mss)/2], floor: floors[len(floors)/2]}
}

// best returns the lowest median of a peer's variants, or 0 if none has one.
func best(all []*contender, samples map[string][]sample, prefix string, s shape) float64 {
	least := 0.0
	for _, c := range all {
		if ms := middle(
			samples,
			c,
			s,
		).ms; strings.HasPrefix(c.name, prefix) && ms > 0 &&
			(least == 0 || ms < least) {
			least = ms
		}
	}
	return least
}

func share(theirs, own float64) float64 {
	if own == 0 {
		return 0
	}
	return theirs / own
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
