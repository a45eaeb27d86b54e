package coremachine

import (
	"context"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// Tagger changes the tags of jobs.
type Tagger interface {
	JobState(ctx context.Context, id state.JobID) (state.JobState, error)
	EditTags(
		ctx context.Context,
		id state.JobID,
		by string,
		change func(tags map[string]string) (map[string]string, error),
	) (tags map[string]string, err error)
}

// EditTags sets the tags of a job that have a value, and removes those that are
// nil. It returns all tags of the job. It works in every status, and a repeat
// changes nothing. Tags that are not valid, or more than state.MaxTags, are an
// Error with CodeInvalid, and an unknown job is one with CodeNotFound.
func (m *Machine) EditTags(
	ctx context.Context, id state.JobID, changes map[string]*string, by string,
) (map[string]string, error) {
	const op = "coremachine.EditTags"

	set := map[string]string{}

	for name, value := range changes {
		if value != nil {
			set[name] = *value
		}
	}

	if err := state.CheckTags(op, set); err != nil {
		return nil, err
	}

	return m.store.EditTags(ctx, id, by, func(tags map[string]string) (map[string]string, error) {
		for name, value := range changes {
			if value == nil {
				delete(tags, name)
			} else {
				tags[name] = *value
			}
		}

		return tags, state.CheckTags(op, tags)
	})
}

// checkLabels checks what a submit adds to type and parameters.
func checkLabels(req SubmitRequest) error {
	const op = "coremachine.Submit"

	if req.RunKey != "" {
		if problem := state.RunKeyProblem(req.RunKey); problem != "" {
			return state.Invalid(op, "the run key is invalid", state.FieldError{Field: "key", Message: problem})
		}
	}

	return state.CheckTags(op, req.Tags)
}

// mayUseKey rejects a key that is reserved for schedules, so that a submit cannot
// create the job of a slot that has not fired. A job that exists can run again.
func (m *Machine) mayUseKey(ctx context.Context, req SubmitRequest, id state.JobID) error {
	if !state.ReservedRunKey(req.RunKey) {
		return nil
	}

	more := ""

	if req.Rerun {
		found, err := m.store.JobState(ctx, id)
		if err == nil && !found.Deleting {
			return nil
		}

		if err != nil && state.CodeOf(err) != state.CodeNotFound {
			return err
		}

		more = ", and there is no such job to run again"
	}

	return reservedKey(more)
}

func reservedKey(more string) error {
	return state.Invalid("coremachine.Submit", "the run key is reserved", state.FieldError{
		Field: "key", Message: "begins with " + state.ScheduleKeyPrefix + ", which is reserved for schedules" + more,
	})
}

// terms returns what a job is found by.
func terms(tags map[string]string, job define.Job, params define.Params) []state.Term {
	found := job.SearchTerms(params)
	if len(tags) == 0 {
		return found
	}

	return append(state.TagTerms(tags), found...)
}
