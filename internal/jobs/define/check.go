package define

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// AnswerMargin is what a trigger needs beyond an attempt's time limit to answer before the host's functionTimeout.
const AnswerMargin = 30 * time.Second

// Check compares the two registries and lists every problem, in a stable order; none is an empty list. It runs at start, and a
// process with problems serves no work.
func Check(jobs map[string]Job, all map[string]handlers.Handler, deps handlers.Deps, functionTimeout time.Duration) []string {
	c := check{handlers: all, deps: reflect.ValueOf(deps), used: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		c.job(name, jobs[name])
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c.handler(name, all[name], functionTimeout)
	}
	return c.problems
}

type check struct {
	handlers map[string]handlers.Handler
	deps     reflect.Value
	used     map[string]bool
	problems []string
}

func (c *check) add(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *check) job(name string, j Job) {
	if name == "" || len(name) > 100 {
		c.add("job %q: a name has 1 to 100 characters", name)
	}
	for _, p := range j.problems {
		c.add("job %s: %s", name, p)
	}
	if len(j.stages) == 0 {
		c.add("job %s: it has no stages", name)
	}
	if len(j.stages) > math.MaxInt16 {
		c.add("job %s: it has %d stages; the most is %d", name, len(j.stages), math.MaxInt16)
	}
	if j.tolerance < 0 || j.tolerance > 1 || math.IsNaN(j.tolerance) {
		c.add("job %s: tolerance %g is not from 0 to 1", name, j.tolerance)
	}
	c.needs("job "+name, j.needs)
	for i := range j.stages {
		c.stage(fmt.Sprintf("job %s, stage %s", name, j.stages[i].spec.Name), j, &j.stages[i])
	}
}

func (c *check) stage(where string, j Job, s *stage) {
	if s.spec.Name == "" || s.spec.Window < 0 || s.spec.Bundle < 0 {
		c.add("%s: a stage needs a name, and a window and bundle that are not negative", where)
	}
	if s.spec.TaskType == "" {
		c.add("%s: it declares no tasks", where)
		return
	}
	c.used[s.spec.TaskType] = true
	h, ok := c.handlers[s.spec.TaskType]
	if !ok {
		c.add("%s: unknown task type %q", where, s.spec.TaskType)
	} else if h.In() != s.in || h.Out() != s.out {
		c.add("%s: task type %q is named as %s -> %s, and its handler is %s -> %s", where, s.spec.TaskType, s.in, s.out, h.In(), h.Out())
	}
	if s.spec.Kind == state.Dynamic {
		c.counts(where, j, s.tasks.param)
	}
	if s.spec.Kind == state.FanOut && s.spec.Source >= 0 && !s.tasks.fromParts {
		if src := j.stages[s.spec.Source]; src.out != s.tasks.sourceOut {
			c.add("%s: it is planned from %s, and stage %s makes %s", where, s.tasks.sourceOut, src.spec.Name, src.out)
		}
	}
}

func (c *check) counts(where string, j Job, param string) {
	for _, f := range j.params.fields {
		if f.name != param {
			continue
		}
		switch f.typ.Kind() {
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			if !slices.ContainsFunc(f.rules, func(r rule) bool { return r.name == "min" || r.name == "gte" }) {
				c.add("%s: count parameter %q has no minimum; a count must not be negative", where, param)
			}
		default:
			c.add("%s: count parameter %q is a %s; it must be an integer", where, param, f.typ)
		}
		return
	}
	c.add("%s: there is no count parameter %q", where, param)
}

func (c *check) handler(name string, h handlers.Handler, functionTimeout time.Duration) {
	if !c.used[name] {
		c.add("handler %s: no job uses it", name)
	}
	if functionTimeout > 0 && h.Timeout()+AnswerMargin > functionTimeout {
		c.add("handler %s: timeout %s and %s to answer are over the functionTimeout %s", name, h.Timeout(), AnswerMargin, functionTimeout)
	}
	r := h.Retry()
	if h.Timeout() <= 0 || r.Attempts < 1 || r.Base < 0 || r.Factor < 1 || r.Cap < 0 || r.Jitter < 0 || r.Jitter > 1 {
		c.add("handler %s: its policy is impossible: timeout %s, %+v", name, h.Timeout(), r)
	}
	c.needs("handler "+name, h.Needs())
}

func (c *check) needs(who string, fields []string) {
	for _, name := range fields {
		f := c.deps.FieldByName(name)
		if !f.IsValid() {
			c.add("%s: it needs Deps.%s, which does not exist", who, name)
		} else if f.IsZero() {
			c.add("%s: it needs Deps.%s, which is nil", who, name)
		}
	}
}
