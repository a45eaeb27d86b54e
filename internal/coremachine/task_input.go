package coremachine

import (
	"context"

	"coremachine/internal/state"
)

// InputReader reads the job whose inputs are computed.
type InputReader interface {
	Job(ctx context.Context, id state.JobID) (jobType string, params []byte, err error)
}

// TaskInput computes the input of a task of a stage whose inputs follow from the
// parameters and the index. Such inputs are not stored. It is what this build
// computes: if the stage is declared in another way than it is recorded, or if
// the build does not accept the stored parameters, the error has
// CodeDefinitionChanged or CodeUnknownTaskType. An error of the planner has
// CodePlanner.
func (m *Machine) TaskInput(
	ctx context.Context,
	id state.JobID,
	stage state.StageShape,
	index int,
) (input []byte, err error) {
	const op = "coremachine.TaskInput"

	jobType, stored, err := m.store.Job(ctx, id)
	if err != nil {
		return nil, err
	}

	job, ok := m.cfg.Jobs[jobType]
	if !ok {
		return nil, state.Errorf(state.CodeUnknownTaskType, op, "this build has no job type %q", jobType)
	}

	if stage.OutputDifference(shapeOf(job, stage.Name)) != "" {
		return nil, state.Errorf(
			state.CodeDefinitionChanged, op, "this build declares the stage %q in another way", stage.Name,
		)
	}

	params, err := storedParams(job, stored)
	if err != nil {
		return nil, state.Errorf(
			state.CodeDefinitionChanged, op, "this build rejects the parameters: %s", failureText(err),
		)
	}

	number, _ := job.Find(stage.Name)

	err = catch(op, func() (err error) {
		input, err = job.Input(params, number, index)
		return err
	})

	return input, err
}
