package coremachine

import (
	"context"

	"coremachine/internal/state"
)

// JobCreator writes the rows of new jobs.
type JobCreator interface {
	Submit(
		ctx context.Context,
		batch []state.JobSpec,
		limit int,
		local state.LocalCapacity,
	) (outcomes []state.SubmitOutcome, effects state.TransitionEffects, err error)
}

// Concurrent submits share a transaction, like completions. A single submit does
// not wait for others.
const (
	submitBatch = 64   // jobs in a transaction
	submitTasks = 1000 // a job with more tasks in its first stages has its own transaction
)

type submitAnswer struct {
	outcome state.SubmitOutcome
	err     error
}

// submit creates a job, together with others that are submitted concurrently,
// and returns the outcome.
func (m *Machine) submit(ctx context.Context, g state.JobSpec) (state.SubmitOutcome, error) {
	submits := m.submits.Load()
	if submits == nil || firstTasks(&g) > submitTasks {
		a := m.flushSubmits(ctx, []state.JobSpec{g})[0]
		return a.outcome, a.err
	}

	answers := make(chan submitAnswer, 1)

	submits.add(ctx, g, func(a submitAnswer, err error) {
		if err != nil { // this process is going away
			a.err = state.Wrap(state.CodeUnavailable, "coremachine.Submit", "the job was not created", err)
		}

		answers <- a
	})

	select {
	case a := <-answers:
		return a.outcome, a.err
	case <-ctx.Done():
		return 0, state.Wrap(
			state.CodeUnavailable,
			"coremachine.Submit",
			"the outcome of the submit is unknown",
			context.Cause(ctx),
		)
	}
}

func firstTasks(g *state.JobSpec) (n int) {
	for _, s := range g.Stages {
		if len(s.DependsOn) == 0 {
			n += max(0, s.Expected)
		}
	}

	return n
}

// flushSubmits creates jobs in one transaction. If the database rejects it,
// flushSubmits creates each job in its own transaction, so that only the job at
// fault fails.
func (m *Machine) flushSubmits(ctx context.Context, batch []state.JobSpec) []submitAnswer {
	s := m.session.Load()

	var outcomes []state.SubmitOutcome

	err := m.inLocalTx(s, func(local state.LocalCapacity) (effects state.TransitionEffects, err error) {
		outcomes, effects, err = m.store.Submit(ctx, batch, m.cfg.MaxQueued, local)
		return effects, err
	})
	answers := make([]submitAnswer, len(batch))

	alone := err != nil && state.CodeOf(err) != state.CodeUnavailable && len(batch) > 1
	for i := range batch {
		switch {
		case alone:
			answers[i] = m.flushSubmits(ctx, batch[i:i+1])[0]
		case err != nil:
			answers[i].err = err
		default:
			answers[i].outcome = outcomes[i]
		}
	}

	return answers
}
