package repo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Submit makes jobs with their stages and their first work, and nothing of a
// job that is there already. With limit above 0 it makes no job that would
// leave more than limit jobs open, in all processes. outcomes says by place
// what became of each. The same job twice in a batch is made once, for the
// first.
func (r *Repo) Submit(
	ctx context.Context, batch []state.JobSpec, limit int, local state.LocalCapacity,
) (outcomes []state.SubmitOutcome, effects state.TransitionEffects, err error) {
	if limit == 0 && !slices.ContainsFunc(batch, marked) {
		return r.createJobs(ctx, batch, local)
	}

	var known []cachedJob

	err = r.inTx(ctx, "repo.Submit", func(t tx) error {
		effects, t.local = state.TransitionEffects{}, local
		outcomes, known, err = t.insertJobs(ctx, batch, limit, &effects)

		return err
	})
	if err != nil {
		return nil, state.TransitionEffects{}, err
	}

	r.remember(known)

	return outcomes, effects, nil
}

// insertJobs is Submit within a transaction. It sends the last statements with
// the next one. known is what to remember of the new jobs after the commit.
func (t tx) insertJobs(
	ctx context.Context, batch []state.JobSpec, limit int, effects *state.TransitionEffects,
) (outcomes []state.SubmitOutcome, known []cachedJob, err error) {
	var fresh []state.JobSpec

	if limit > 0 {
		outcomes, fresh, err = t.insertLimited(ctx, batch, limit, effects)
	} else {
		outcomes, fresh, known, err = t.create(ctx, batch, effects)
	}

	if err != nil || len(fresh) == 0 {
		return outcomes, nil, err
	}

	if err := t.markJobs(fresh); err != nil {
		return nil, nil, err
	}

	if err := t.markFinally(fresh); err != nil {
		return nil, nil, err
	}

	return outcomes, known, t.writeTerms(fresh)
}

// inKeyOrder returns each job of a batch once, in the order in which rows are
// locked, and the places of the jobs in the batch.
func inKeyOrder(batch []state.JobSpec) ([]state.JobSpec, map[state.JobID]int) {
	places := map[state.JobID]int{}
	for i := range slices.Backward(batch) {
		places[batch[i].JobID] = i
	}

	ordered := make([]state.JobSpec, 0, len(places))
	for _, id := range slices.SortedFunc(maps.Keys(places), state.JobID.Compare) {
		ordered = append(ordered, batch[places[id]])
	}

	return ordered, places
}

// marked reports whether a job has something to write that few jobs have.
func marked(g state.JobSpec) bool {
	return g.RunKey != "" || !g.StartAt.IsZero() || g.CallbackURL != "" || len(g.Terms) > 0 ||
		slices.ContainsFunc(g.Stages, func(s state.StageSpec) bool { return s.Finally })
}

// markJobs writes the run keys, delays and callback URLs of jobs that start. Few
// have any, so that the statements of a submit do not carry them.
func (t tx) markJobs(batch []state.JobSpec) error {
	var (
		ids        [][]byte
		keys, urls []string
		starts     []*time.Time
	)

	for i := range batch {
		g := &batch[i]
		if g.RunKey == "" && g.StartAt.IsZero() && g.CallbackURL == "" {
			continue
		}

		ids, keys, urls = append(ids, g.JobID[:]), append(keys, g.RunKey), append(urls, g.CallbackURL)

		starts = append(starts, nil)
		if !g.StartAt.IsZero() {
			starts[len(starts)-1] = &g.StartAt
		}
	}

	if len(ids) == 0 {
		return nil
	}

	return t.later("mark_jobs", namedArgs{
		"job_ids": ids, "run_keys": keys, "start_ats": starts, "callback_urls": urls,
	}, nil)
}

func jobArgs(batch []state.JobSpec) namedArgs {
	var (
		keys                  [][]byte
		types, params, traces []string
		stages                []int16
		results               []bool
	)

	for i := range batch {
		g := &batch[i]
		keys = append(keys, g.JobID[:])
		types = append(types, g.JobType)
		params = append(params, string(g.Params))
		stages = append(stages, int16(len(g.Stages)))
		results = append(results, g.HasResult)
		traces = append(traces, g.Traceparent)
	}

	return namedArgs{
		"job_ids":        keys,
		"job_types":      types,
		"params":         params,
		"pending_stages": stages,
		"has_results":    results,
		"traceparents":   traces,
	}
}

// graphArgs are the arguments of insert_graphs except gen, the stages of each job
// that start with tasks, and which queues the statement will leave work in.
func graphArgs(
	local *state.LocalCapacity, batch []state.JobSpec,
) (args namedArgs, starts [][]startedStage, effects state.TransitionEffects) {
	starts = make([][]startedStage, len(batch))

	var (
		jobs                                                    [][]byte
		bys, traces, names, types, kinds, depends, dependencies []string
		stages, queues                                          []int16
		skips, plans                                            []bool
		places, expected, windows, bundles, takes               []int32
		tolerances                                              []float64
		totals, chosen                                          []*int32
	)

	for i := range batch {
		g := &batch[i]

		jobs, bys, traces = append(jobs, g.JobID[:]), append(bys, g.By), append(traces, g.Traceparent)
		for number, s := range g.Stages {
			places, stages = append(places, int32(i+1)), append(stages, int16(number))
			names = append(names, s.Name)
			types = append(types, s.TaskType)
			kinds = append(kinds, string(s.Kind))
			queues, depends = append(queues, int16(s.Queue)), append(depends, arrayText(s.DependsOn))
			dependencies = append(dependencies, namesText(s.Dependencies))
			skips, expected = append(skips, s.Skip), append(expected, int32(s.Expected))
			windows, bundles = append(windows, int32(s.Window)), append(bundles, int32(s.Bundle))
			tolerances = append(tolerances, s.Tolerance)
			start := startOf(local, &s, !g.StartAt.IsZero(), &effects)
			plans, takes = append(plans, start.plan), append(takes, int32(start.take))
			totals, chosen = append(totals, start.total), append(chosen, start.bundle)

			if start.total != nil {
				starts[i] = append(starts[i], startedStage{
					number: number, total: s.Expected, dispatched: min(s.Expected, s.Window),
					bundle: int(*start.bundle), take: start.take,
				})
			}
		}
	}

	return namedArgs{
		"job_ids":       jobs,
		"bys":           bys,
		"traceparents":  traces,
		"worker":        local.Worker,
		"places":        places,
		"stages":        stages,
		"names":         names,
		"task_types":    types,
		"kinds":         kinds,
		"queues":        queues,
		"depends_on":    depends,
		"dependencies":  dependencies,
		"skips":         skips,
		"expected":      expected,
		"windows":       windows,
		"bundles":       bundles,
		"tolerances":    tolerances,
		"start_totals":  totals,
		"start_bundles": chosen,
		"to_plan":       plans,
		"takes":         takes,
	}, starts, effects
}

// start is how a stage begins at submit: immediately, or by a plan message, as
// all stages of a delayed job do. The zero value means that the stage begins
// later.
type start struct {
	plan          bool
	total, bundle *int32
	take          int
}

func startOf(
	local *state.LocalCapacity, s *state.StageSpec, delayed bool, effects *state.TransitionEffects,
) start {
	if len(s.DependsOn) > 0 || s.Finally {
		return start{}
	}

	if delayed {
		return start{plan: true}
	}

	if s.Skip || !s.Kind.Pure() || s.Expected < 1 {
		effects.Queue(state.QueueJobs)
		return start{plan: true}
	}

	bundle := state.BundleSize(s.Bundle, s.Expected, taskDuration(local, s.TaskType))

	take, all := reserveLocal(local, s.Expected, bundle, s.TaskType)
	if !all {
		effects.Queue(s.Queue)
	}

	total, chosen := int32(s.Expected), int32(bundle)

	return start{total: &total, bundle: &chosen, take: take}
}

func arrayText(v []int16) string {
	b := []byte{'{'}

	for i, n := range v {
		if i > 0 {
			b = append(b, ',')
		}

		b = appendInt(b, int(n))
	}

	return string(append(b, '}'))
}

// namesText writes names, which hold nothing that needs quotes, as an array.
func namesText(names []string) string { return "{" + strings.Join(names, ",") + "}" }

// Rerun starts a job that has ended from the beginning, with a new gen of every
// stage. landed is false if its status is not one of from, if it is marked for
// deletion, or if limit, above 0, jobs are open.
func (r *Repo) Rerun(
	ctx context.Context, g state.JobSpec, from []state.JobStatus, limit int,
) (attempt int, landed bool, effects state.TransitionEffects, err error) {
	err = r.inTx(ctx, "repo.Rerun", func(t tx) error {
		attempt, landed, effects, err = t.rerun(ctx, g, from, limit)
		return err
	})

	return attempt, landed, effects, err
}

// rerun is Rerun within a transaction. It sends the last statements with the
// next one.
func (t tx) rerun(
	ctx context.Context, g state.JobSpec, from []state.JobStatus, limit int,
) (attempt int, landed bool, effects state.TransitionEffects, err error) {
	if limit > 0 {
		if err := t.later("lock_queued", nil, nil); err != nil {
			return 0, false, effects, err
		}
	}

	rows, err := t.query(ctx, "rerun_job", namedArgs{
		"job_id":         g.JobID[:],
		"pending_stages": len(g.Stages),
		"has_result":     g.HasResult,
		"traceparent":    g.Traceparent,
		"from":           from,
		"limit":          limit,
	})
	if err != nil {
		return 0, false, effects, err
	}

	var gen int

	_, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (struct{}, error) {
		return struct{}{}, row.Scan(&attempt, &gen)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, effects, nil
	} else if err != nil {
		return 0, false, effects, err
	}

	graph, _, effects := graphArgs(&t.local, []state.JobSpec{g})
	graph["gen"] = gen + 1

	if err := t.later("insert_graphs", graph, nil); err != nil {
		return 0, false, effects, err
	}

	if err := t.markJobs([]state.JobSpec{g}); err != nil {
		return 0, false, effects, err
	}

	if err := t.markFinally([]state.JobSpec{g}); err != nil {
		return 0, false, effects, err
	}

	return attempt, true, effects, t.rewriteTerms(g)
}

// JobState is the little of a job that a decision about it needs.
func (r *Repo) JobState(ctx context.Context, id state.JobID) (state.JobState, error) {
	rows, err := r.pool.Query(ctx, statement("job_state"), namedArgs{"job_id": id[:]})

	return jobState(id, rows, err)
}

// jobState collects the answer of the statement job_state.
func jobState(id state.JobID, rows pgx.Rows, err error) (state.JobState, error) {
	const op = "repo.JobState"
	if err != nil {
		return state.JobState{}, failure(op, err)
	}

	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[state.JobState])
	if errors.Is(err, pgx.ErrNoRows) {
		return found, noJob(op, id)
	}

	if err != nil {
		return found, failure(op, err)
	}

	return found, nil
}
