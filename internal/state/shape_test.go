package state_test

import (
	"testing"

	"coremachine/internal/state"
)

func TestDifferenceOfStages(t *testing.T) {
	t.Parallel()

	stored := state.StageShape{
		Name:         "copy",
		TaskType:     "copier",
		Kind:         state.FanOut,
		Dependencies: []string{"measure", "a", "b"},
	}

	with := func(change func(*state.StageShape)) state.StageShape {
		s := stored
		change(&s)

		return s
	}
	for _, tt := range []struct {
		name     string
		declared state.StageShape
		want     string
	}{
		{"the same", stored, ""},
		{
			"dependencies in another order",
			with(func(s *state.StageShape) { s.Dependencies = []string{"measure", "b", "a"} }), "",
		},
		{
			"another source", with(func(s *state.StageShape) { s.Dependencies = []string{"a", "b", "measure"} }),
			`stage "copy" depended on measure, a, b, this build declares a, b, measure`,
		},
		{
			"a dependency less", with(func(s *state.StageShape) { s.Dependencies = []string{"measure"} }),
			`stage "copy" depended on measure, a, b, this build declares measure`,
		},
		{
			"none", with(func(s *state.StageShape) { s.Dependencies = nil }),
			`stage "copy" depended on measure, a, b, this build declares no stage`,
		},
		{
			"another kind", with(func(s *state.StageShape) { s.Kind = state.Dynamic }),
			`stage "copy" was fan_out over measure, a, b, this build declares dynamic`,
		},
		{
			"another task type", with(func(s *state.StageShape) { s.TaskType = "mover" }),
			`stage "copy" ran tasks of type copier, this build declares mover`,
		},
		{
			"a finally stage", with(func(s *state.StageShape) { s.Finally = true }),
			`stage "copy" was not a finally stage, this build declares a finally stage`,
		},
		{
			"not declared",
			state.StageShape{},
			`stage "copy" was fan_out over measure, a, b, this build does not declare it`,
		},
	} {
		if got := stored.Difference(tt.declared); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
