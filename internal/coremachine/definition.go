package coremachine

import (
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// declaration is what the running build declares for a stored stage. Its number
// can differ from the stored one; rows are found by the stored number, planners
// and inputs by this one.
type declaration struct {
	job    define.Job
	number int
}

// mismatch says why the running build cannot do a message's work while another
// build may. It is what the work fails with after the time to wait for one.
type mismatch struct {
	code    state.Code
	message string // of the failure
	waits   string // on the message row and in the log
	forever bool   // the job does not depend on the work, so it never fails for it
}

func (w *mismatch) Error() string { return w.message }

func unknownType(name string) *mismatch {
	return &mismatch{code: state.CodeUnknownTaskType, waits: name}
}

// unknownKind is for a message that only a newer build can have written.
func unknownKind(kind state.MessageKind) *mismatch {
	return &mismatch{
		code:    state.CodeUnknownTaskType,
		waits:   "messages of " + kind.String(),
		forever: true,
	}
}

func changed(difference string) *mismatch {
	return &mismatch{code: state.CodeDefinitionChanged, message: difference, waits: difference}
}

// declarationOf matches a claimed message's stage with the running build's
// declaration: by name, kind, task type and the names of its dependencies. The
// error is a *mismatch.
func (m *Machine) declarationOf(h *state.ClaimedMessage) (declaration, error) {
	job, ok := m.cfg.Jobs[h.JobType]
	if !ok {
		return declaration{}, unknownType(h.JobType)
	}

	number, _ := job.Find(h.StageName)
	if diff := h.StageShape().Difference(shapeOf(job, h.StageName)); diff != "" {
		return declaration{}, changed(diff)
	}

	return declaration{job, number}, nil
}

// shapeOf is the declaration of a stage; the zero value if there is none.
func shapeOf(job define.Job, name string) state.StageShape {
	if number, ok := job.Find(name); ok {
		return job.Shape(number)
	}

	return state.StageShape{}
}

// sourceOf checks that the tasks that a match_previous stage follows are those
// that the running build declares, so that their results can be read as such.
func sourceOf(h *state.ClaimedMessage, d declaration) *mismatch {
	if h.Shape != state.MatchPrevious || len(h.Dependencies) == 0 {
		return nil
	}

	stored := state.StageShape{Name: h.Dependencies[0], TaskType: h.SourceType, Kind: h.SourceKind}
	if diff := stored.OutputDifference(shapeOf(d.job, stored.Name)); diff != "" {
		return changed(diff)
	}

	return nil
}

// storedParams reads the parameters that the job was submitted with, perhaps by
// another build. If this build refuses them, the error is a *mismatch that
// names the fields.
func storedParams(job define.Job, stored []byte) (define.Params, error) {
	params, err := job.ParseStored(stored)
	if err == nil {
		return params, nil
	}

	return params, changed(failureText(err))
}
