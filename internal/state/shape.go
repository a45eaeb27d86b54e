package state

import (
	"fmt"
	"slices"
	"strings"
)

// StageShape is what a stage of a stored job and a stage of a build's
// declaration are matched by. Its number is not part of it: a build that
// inserts a stage changes the numbers of those that follow.
type StageShape struct {
	Name     string
	TaskType string
	Kind     Parallelism

	// Dependencies are the names of the stages that it depends on, the source
	// of a fan_out first.
	Dependencies []string

	// Finally: it runs after the outcome of the job is decided.
	Finally bool
}

// Difference says in words how a declared stage differs from the stored one, s;
// "" if they match.
func (s StageShape) Difference(declared StageShape) string {
	if d := s.OutputDifference(declared); d != "" {
		return d
	}

	if s.Finally != declared.Finally {
		return fmt.Sprintf("stage %q was %s, this build declares %s", s.Name, s.timing(), declared.timing())
	}

	stored, now := s.dependencies(), declared.dependencies()
	if stored == now {
		return ""
	}

	return fmt.Sprintf("stage %q depended on %s, this build declares %s", s.Name, stored, now)
}

// OutputDifference is as Difference, for a stage whose results are only read:
// what it depended on does not matter.
func (s StageShape) OutputDifference(declared StageShape) string {
	switch {
	case declared.Name == "":
		return fmt.Sprintf(
			"stage %q was %s over %s, this build does not declare it",
			s.Name,
			s.Kind,
			s.dependencies(),
		)
	case s.Kind != declared.Kind:
		return fmt.Sprintf(
			"stage %q was %s over %s, this build declares %s",
			s.Name,
			s.Kind,
			s.dependencies(),
			declared.Kind,
		)
	case s.TaskType != declared.TaskType:
		return fmt.Sprintf(
			"stage %q ran tasks of type %s, this build declares %s",
			s.Name,
			s.TaskType,
			declared.TaskType,
		)
	}

	return ""
}

// timing says when the stage runs.
func (s StageShape) timing() string {
	if s.Finally {
		return "a finally stage"
	}

	return "not a finally stage"
}

// dependencies lists the names in an order that does not depend on numbers.
func (s StageShape) dependencies() string {
	if len(s.Dependencies) == 0 {
		return "no stage"
	}

	names := slices.Clone(s.Dependencies)
	if s.Kind == FanOut {
		slices.Sort(names[1:])
	} else {
		slices.Sort(names)
	}

	return strings.Join(names, ", ")
}
