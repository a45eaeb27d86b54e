package define

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"coremachine/internal/state"
)

// maxStages is the largest value that a stage number can hold.
const maxStages = math.MaxInt16

// link resolves the names by which stages refer to each other and to
// parameters, and returns the problems.
func (j *job) link() []string {
	var bad []string

	problem := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }

	if len(j.stages) == 0 {
		problem("it has no stages")
	}

	if len(j.stages) > maxStages {
		problem("it has %d stages: at most %d", len(j.stages), maxStages)
		return bad
	}

	if !(j.tolerance >= 0 && j.tolerance <= 1) {
		problem("tolerance %v is not between 0 and 1", j.tolerance)
	}

	numbers := map[string]int{}

	for i := range j.stages {
		name := j.stages[i].spec.Name
		if !snakeCase.MatchString(name) {
			problem("stage %d has the name %q: it must be snake_case, at most 63 characters", i, name)
		}

		if first, ok := numbers[name]; ok {
			problem("stages %d and %d have the same name %q", first, i, name)
			continue
		}

		numbers[name] = i
	}

	if len(j.stages) > 0 && j.stages[0].spec.Finally {
		problem("the first stage is a finally stage: other stages come first")
	}

	for i := range j.stages {
		for _, p := range j.linkStage(i, numbers) {
			problem("stage %s: %s", j.stages[i].spec.Name, p)
		}
	}

	if path := j.cycle(numbers); path != nil {
		problem("stages depend on each other in a cycle: %s", strings.Join(path, " -> "))
	}

	return bad
}

func (j *job) linkStage(i int, numbers map[string]int) []string {
	s := &j.stages[i]

	var bad []string

	problem := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }

	s.spec.DependsOn = []int{}

	for _, name := range j.declared(i) {
		n, ok := numbers[name]
		switch {
		case !ok:
			problem("depends on %q, which is not a stage of this job", name)
		case n >= i:
			problem("depends on %q, which is not an earlier stage", name)
		case slices.Contains(s.spec.DependsOn, n):
			problem("depends on %q twice", name)
		case s.spec.Finally && !j.stages[n].spec.Finally:
			problem("depends on %q, which is not a finally stage: a finally stage depends on finally stages only", name)
		default:
			s.spec.DependsOn = append(s.spec.DependsOn, n)
		}
	}

	slices.Sort(s.spec.DependsOn)

	if i > 0 && !s.spec.Finally && j.stages[i-1].spec.Finally {
		problem("follows a finally stage: finally stages come last")
	}

	if s.spec.Window < 1 {
		problem("window %d is below 1", s.spec.Window)
	}

	if s.spec.Bundle < 0 || (s.spec.Bundle > s.spec.Window && s.spec.Window > 0) {
		problem("bundle %d is not between 0 and the window %d", s.spec.Bundle, s.spec.Window)
	}

	if s.spec.UsesLineage && len(j.declared(i)) == 0 && !s.spec.Finally {
		problem("reads earlier results but depends on no stage")
	}

	if s.spec.Kind == "" {
		problem("has no tasks")
		return bad
	}

	if s.input == nil && s.fanOut == nil {
		problem("its planner is nil")
	}

	return append(bad, j.linkKind(i, numbers)...)
}

// declared returns the dependencies of a stage, with the default filled in.
func (j *job) declared(i int) []string {
	s := &j.stages[i]
	switch {
	case s.dependsOn != nil:
		return s.dependsOn
	case s.spec.Kind == state.FanOut:
		return []string{s.source.stage}
	case i > 0 && s.spec.Finally == j.stages[i-1].spec.Finally:
		return []string{j.stages[i-1].spec.Name}
	}

	return nil
}

func (j *job) linkKind(i int, numbers map[string]int) []string {
	s := &j.stages[i]
	switch s.spec.Kind {
	case state.Dynamic:
		return j.linkCount(s)
	case state.MatchPrevious:
		if len(s.spec.DependsOn) != 1 {
			return []string{
				fmt.Sprintf("match_previous follows one stage: it depends on %d", len(s.spec.DependsOn)),
			}
		}

		s.spec.Source = s.spec.DependsOn[0]
	case state.FanIn:
		if len(s.spec.DependsOn) == 0 {
			return []string{"fan_in collects from the stages that it depends on: there are none"}
		}
	case state.FanOut:
		return j.linkSource(s, numbers)
	case state.Single:
	}

	return nil
}

func (j *job) linkSource(s *stage, numbers map[string]int) []string {
	n, ok := numbers[s.source.stage]
	if !ok || !slices.Contains(s.spec.DependsOn, n) {
		return []string{
			fmt.Sprintf(
				"is planned from %q, which is not among the stages that it depends on",
				s.source.stage,
			),
		}
	}

	s.spec.Source = n

	source := &j.stages[n]
	if s.source.parts {
		return nil // Check compares the type with the parts of the handler
	}

	if source.spec.TaskType != s.source.taskType || source.out != s.source.typ {
		return []string{fmt.Sprintf("is planned from results of %s (%s), but stage %s runs %s (%s)",
			s.source.taskType, s.source.typ, source.spec.Name, source.spec.TaskType, source.out)}
	}

	return nil
}

func (j *job) linkCount(s *stage) []string {
	if j.shape == nil {
		return nil
	}

	f := j.shape.field(s.count)
	if f == nil {
		return []string{
			fmt.Sprintf(
				"its count parameter %q does not exist; known: %s",
				s.count,
				strings.Join(j.shape.names(), ", "),
			),
		}
	}

	if f.shape.kind != kindInt && f.shape.kind != kindUint {
		return []string{fmt.Sprintf("its count parameter %q is not an integer but %s", s.count, f.shape)}
	}

	s.countAt = f.index

	low, high := f.limits()
	if low < 0 || high > MaxTasks {
		return []string{
			fmt.Sprintf(
				"its count parameter %q must have validate tags that keep it between 0 and %d",
				s.count,
				MaxTasks,
			),
		}
	}

	return nil
}

// limits returns the minimum and the maximum that type and rules allow for an
// integer.
func (f *field) limits() (low, high float64) {
	l, h := f.shape.bounds()
	low, high = float64(l), float64(h)

	for rule := range strings.SplitSeq(f.rules, ",") {
		var n float64

		name, param, _ := strings.Cut(rule, "=")
		if _, err := fmt.Sscan(param, &n); err != nil {
			continue
		}

		switch name {
		case "min", "gte", "gt":
			low = max(low, n)
		case "max", "lte", "lt":
			high = min(high, n)
		}
	}

	return low, high
}

// cycle returns the names of stages that depend on each other, in order, or nil
// if there are none.
func (j *job) cycle(numbers map[string]int) []string {
	const open, done = 1, 2

	marks := make([]int, len(j.stages))

	var (
		path  []string
		visit func(i int) []string
	)

	visit = func(i int) []string {
		name := j.stages[i].spec.Name
		if marks[i] == open {
			return append(slices.Clone(path[slices.Index(path, name):]), name)
		}

		if marks[i] == done {
			return nil
		}

		marks[i] = open

		path = append(path, name)

		for _, dep := range j.declared(i) {
			if n, ok := numbers[dep]; ok {
				if found := visit(n); found != nil {
					return found
				}
			}
		}

		path = path[:len(path)-1]
		marks[i] = done

		return nil
	}
	for i := range j.stages {
		if found := visit(i); found != nil {
			return found
		}
	}

	return nil
}
