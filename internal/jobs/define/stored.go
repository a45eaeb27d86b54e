package define

import (
	"context"
	"slices"

	"coremachine/internal/state"
)

// Find returns the number of the stage with this name; ok is false if the job
// declares none.
func (j Job) Find(name string) (number int, ok bool) {
	number = slices.IndexFunc(j.stages, func(s stage) bool { return s.spec.Name == name })
	return number, number >= 0
}

// Shape returns what a stored stage is compared with to decide whether it was
// made from this declaration.
func (j Job) Shape(number int) state.StageShape {
	spec := &j.stages[number].spec
	shape := state.StageShape{
		Name: spec.Name, TaskType: spec.TaskType, Kind: spec.Kind, Finally: spec.Finally,
		Dependencies: make([]string, 0, len(spec.DependsOn)),
	}

	if spec.Kind == state.FanOut && spec.Source >= 0 {
		shape.Dependencies = append(shape.Dependencies, j.stages[spec.Source].spec.Name)
	}

	for _, d := range spec.DependsOn {
		if name := j.stages[d].spec.Name; !slices.Contains(shape.Dependencies, name) {
			shape.Dependencies = append(shape.Dependencies, name)
		}
	}

	return shape
}

// ParseStored decodes parameters that another build has accepted and stored. It
// ignores parameters that this build does not declare, applies the defaults of
// those that were not stored, and rejects what this build's rules reject, with
// the errors of Parse. It does not evaluate counts and skip conditions, which
// were decided when the job was submitted.
func (j Job) ParseStored(stored []byte) (p Params, err error) {
	const op = "define.ParseStored"
	if j.shape == nil {
		return Params{}, state.Errorf(state.CodeInternal, op, "the job's parameters are not a struct")
	}

	ctx := context.Background() // stored parameters are within the limits
	if err := scanObject(ctx, stored); err != nil {
		return Params{}, err
	}

	defer guardInternal(op, &err)

	v, bad, err := j.decode(ctx, stored, ignoreUnknown)
	if err != nil {
		return Params{}, err
	}

	if len(bad.list) > 0 {
		return Params{}, state.Invalid(op, "this build rejects the stored parameters", bad.fields()...)
	}

	canonical, err := canonicalJSON(v.Interface())
	if err != nil {
		return Params{}, state.Wrap(
			state.CodeInternal,
			op,
			"the parameters cannot be encoded as canonical JSON",
			err,
		)
	}

	return Params{Canonical: canonical, value: v.Elem().Interface()}, nil
}
