package repo

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// createJobs is Submit in one statement that is a transaction of its own, for
// jobs that have nothing else to write.
func (r *Repo) createJobs(
	ctx context.Context, batch []state.JobSpec, local state.LocalCapacity,
) (outcomes []state.SubmitOutcome, effects state.TransitionEffects, err error) {
	var c *creation

	err = retryLost(func() error {
		room := local // each run has all of it
		c = newCreation(batch, &room)

		return r.single(ctx, "repo.Submit", "create_jobs", c.args, c.read)
	})
	if err != nil {
		return nil, state.TransitionEffects{}, err
	}

	r.remember(c.known)

	return c.outcomes, c.effects, nil
}

// create is createJobs within a transaction.
func (t tx) create(
	ctx context.Context, batch []state.JobSpec, effects *state.TransitionEffects,
) (outcomes []state.SubmitOutcome, fresh []state.JobSpec, known []cachedJob, err error) {
	c := newCreation(batch, &t.local)

	rows, err := t.query(ctx, "create_jobs", c.args)
	if err != nil {
		return nil, nil, nil, err
	}

	if err := c.read(rows); err != nil {
		return nil, nil, nil, err
	}

	effects.Add(c.effects)
	effects.Taken = append(effects.Taken, c.effects.Taken...)

	return c.outcomes, c.fresh, c.known, nil
}

// insertLimited creates jobs while a lock keeps out other transactions that do:
// it counts the open jobs.
func (t tx) insertLimited(
	ctx context.Context, batch []state.JobSpec, limit int, effects *state.TransitionEffects,
) (outcomes []state.SubmitOutcome, fresh []state.JobSpec, err error) {
	if err := t.later("lock_queued", nil, nil); err != nil {
		return nil, nil, err
	}

	ordered, places := inKeyOrder(batch)
	args := jobArgs(ordered)
	args["limit"] = limit

	rows, err := t.query(ctx, "insert_jobs_limited", args)
	if err != nil {
		return nil, nil, err
	}

	outcomes = make([]state.SubmitOutcome, len(batch))

	var (
		raw  []byte
		made bool
	)

	_, err = pgx.ForEachRow(rows, []any{&raw, &made}, func() error {
		place := places[state.JobID(raw)]
		if !made {
			outcomes[place] = state.SubmitRefused
			return nil
		}

		outcomes[place], fresh = state.SubmitCreated, append(fresh, batch[place])

		return nil
	})
	if err != nil || len(fresh) == 0 {
		return outcomes, nil, err
	}

	graphs, _, waking := graphArgs(&t.local, fresh)
	graphs["gen"] = 1

	effects.Add(waking)

	return outcomes, fresh, t.later("insert_graphs", graphs, claimedLocally(effects))
}

// remember keeps what later statements need of new jobs.
func (r *Repo) remember(known []cachedJob) {
	for _, j := range known {
		if len(j.stages) > knownStages {
			j.stages = nil
		}

		r.params.put(j.id, j)
	}
}

// creation is one run of the statement create_jobs.
type creation struct {
	batch  []state.JobSpec
	places map[state.JobID]int // of the first of equal jobs
	starts map[state.JobID][]startedStage
	args   namedArgs
	waking state.TransitionEffects // if a job is new

	outcomes []state.SubmitOutcome // by place
	fresh    []state.JobSpec
	known    []cachedJob // of the fresh ones
	effects  state.TransitionEffects
}

func newCreation(batch []state.JobSpec, local *state.LocalCapacity) *creation {
	c := &creation{batch: batch, outcomes: make([]state.SubmitOutcome, len(batch))}

	var (
		ordered []state.JobSpec
		starts  [][]startedStage
	)

	ordered, c.places = inKeyOrder(batch)
	c.args, starts, c.waking = graphArgs(local, ordered)

	runs := make([]bool, len(ordered))
	c.starts = make(map[state.JobID][]startedStage, len(ordered))

	for i := range ordered {
		c.starts[ordered[i].JobID] = starts[i]

		for _, s := range starts[i] {
			runs[i] = runs[i] || s.take > 0
		}
	}

	maps.Copy(c.args, jobArgs(ordered))
	c.args["runs"] = runs

	return c
}

// read reads the rows of the statement.
func (c *creation) read(rows pgx.Rows) error {
	var row startedMessage

	_, err := pgx.ForEachRow(rows, row.columns(), func() error {
		id := state.JobID(row.job)

		place := c.places[id]
		if c.outcomes[place] != state.SubmitCreated {
			g := &c.batch[place]
			c.outcomes[place], c.fresh = state.SubmitCreated, append(c.fresh, *g)
			c.known = append(c.known, cachedJob{
				id: id, jobType: g.JobType, params: g.Params,
				incarnation: row.incarnation, stages: g.Stages, hasResult: g.HasResult, traceparent: g.Traceparent,
			})
		}

		if row.message == nil {
			return nil
		}

		job := &c.known[slices.IndexFunc(c.known, func(j cachedJob) bool { return j.id == id })]
		starts := c.starts[id]
		s := slices.IndexFunc(starts, func(s startedStage) bool { return s.number == *row.stage })
		c.effects.Taken = append(c.effects.Taken, row.claimed(job, &starts[s]))

		return nil
	})

	if len(c.fresh) > 0 {
		c.effects.Add(c.waking)
	}

	return err
}
