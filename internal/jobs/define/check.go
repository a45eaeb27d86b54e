package define

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// AnswerMargin is the time that must remain of the host's functionTimeout after
// the longest attempt, so that the end of the attempt can be recorded before
// the host kills the process.
const AnswerMargin = 30 * time.Second

// FunctionTimeout is the functionTimeout of host.json, and the default of the
// setting FUNCTION_TIMEOUT.
const FunctionTimeout = 30 * time.Minute

// Check compares the registries of jobs and handlers with each other, with what
// start-up provided, and with the host's functionTimeout (0 if it has none). It
// returns all problems in a stable order. No problems means that the registries
// are consistent.
func Check(
	jobs map[string]Job,
	tasks map[string]handlers.Handler,
	deps handlers.Deps,
	functionTimeout time.Duration,
) []string {
	bad := []string{}
	used := map[string]bool{}

	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		problem := func(format string, args ...any) {
			bad = append(bad, "job "+name+": "+fmt.Sprintf(format, args...))
		}
		if !snakeCase.MatchString(name) {
			problem("its name must be snake_case, at most 63 characters")
		}

		j := jobs[name]
		if j.job == nil {
			problem("it was not made by define.Define")
			continue
		}

		for _, p := range j.problems {
			problem("%s", p)
		}

		for _, p := range missing(deps, j.needs) {
			problem("%s", p)
		}

		for i := range j.stages {
			used[j.stages[i].spec.TaskType] = true
			for _, p := range j.checkStage(i, tasks) {
				problem("stage %s: %s", j.stages[i].spec.Name, p)
			}
		}
	}

	for _, name := range slices.Sorted(maps.Keys(tasks)) {
		if !used[name] {
			bad = append(bad, "handler "+name+": no job uses it")
		}

		for _, p := range checkHandler(name, tasks[name], deps, functionTimeout) {
			bad = append(bad, "handler "+name+": "+p)
		}
	}

	return bad
}

func (j Job) checkStage(i int, tasks map[string]handlers.Handler) []string {
	s := &j.stages[i]
	if s.spec.Kind == "" {
		return nil
	}

	h, ok := tasks[s.spec.TaskType]
	if !ok {
		return []string{fmt.Sprintf(
			"unknown task type %q: add its handler to handlers.All, in a line that begins with %q:",
			s.spec.TaskType,
			s.spec.TaskType,
		)}
	}

	var bad []string
	if h.In() != s.in {
		bad = append(
			bad,
			fmt.Sprintf(
				"the name of task type %s declares the input %v, but its handler takes %v",
				s.spec.TaskType,
				s.in,
				h.In(),
			),
		)
	}

	if h.Out() != s.out {
		bad = append(
			bad,
			fmt.Sprintf(
				"the name of task type %s declares the result %v, but its handler returns %v",
				s.spec.TaskType,
				s.out,
				h.Out(),
			),
		)
	}

	if s.spec.Kind != state.FanOut || !s.source.parts || s.spec.Source < 0 {
		return bad
	}

	source := j.stages[s.spec.Source].spec
	if part := tasks[source.TaskType].Part(); part != s.source.typ {
		bad = append(
			bad,
			fmt.Sprintf(
				"is planned from parts of type %v, but the handler of %s declares to emit %v",
				s.source.typ,
				source.TaskType,
				part,
			),
		)
	}

	return bad
}

func checkHandler(
	name string,
	h handlers.Handler,
	deps handlers.Deps,
	functionTimeout time.Duration,
) []string {
	var bad []string

	problem := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }

	if !snakeCase.MatchString(name) {
		problem("its name must be snake_case, at most 63 characters")
	}

	if !h.Runs() {
		problem("it has no function")
	}

	r := h.Retry()
	if r.Attempts < 1 {
		problem("attempts %d is below 1", r.Attempts)
	}

	if !(r.Factor >= 1) {
		problem("factor %v is below 1", r.Factor)
	}

	if !(r.Jitter >= 0 && r.Jitter <= 1) {
		problem("jitter %v is not between 0 and 1", r.Jitter)
	}

	if r.Base < 0 || r.Cap < r.Base {
		problem("waits must have 0 <= base <= cap: base %s, cap %s", r.Base, r.Cap)
	}

	if h.Timeout() <= 0 {
		problem("timeout %s is not above 0", h.Timeout())
	}

	if functionTimeout > 0 && h.Timeout()+AnswerMargin > functionTimeout {
		problem(
			"timeout %s and a margin of %s exceed the functionTimeout of %s",
			h.Timeout(),
			AnswerMargin,
			functionTimeout,
		)
	}

	return append(bad, missing(deps, h.Needs())...)
}

// missing returns the names of the fields of deps that are required but nil.
func missing(deps any, fields []string) (bad []string) {
	for _, name := range fields {
		f := reflect.ValueOf(deps).FieldByName(name)
		if !f.IsValid() {
			bad = append(bad, fmt.Sprintf("needs Deps.%s, which does not exist", name))
		} else if f.IsZero() {
			bad = append(bad, fmt.Sprintf("needs Deps.%s, which is nil", name))
		}
	}

	return bad
}

// defaultProblems validates the parameters that result from an empty body. It
// reports faulty rules, defaults that fail their own validation, and parameters
// whose zero value fails.
func defaultProblems(s *shape) (bad []string) {
	defer func() {
		if v := recover(); v != nil {
			bad = append(bad, fmt.Sprintf("the validation rules of its parameters are invalid: %v", v))
		}
	}()

	v := reflect.New(s.typ)

	found, err := decodeInto(context.Background(), s, []byte("{}"), v.Elem(), refuseUnknown)
	if err == nil {
		err = validateInto(context.Background(), &found, s, v, false)
	}

	if err != nil {
		return []string{"its defaults are too large: " + err.Error()}
	}

	for _, p := range found.list {
		f := s.fieldAt(p.at)
		switch {
		case f != nil && f.def != nil:
			bad = append(
				bad,
				fmt.Sprintf("parameter %s: its default is invalid: %s", fieldName(p.at), p.message),
			)
		case f != nil && f.required():
		default:
			bad = append(
				bad,
				fmt.Sprintf(
					"parameter %s: its zero value is invalid, so it needs a default or the rule required: %s",
					fieldName(p.at),
					p.message,
				),
			)
		}
	}

	return bad
}
