package repo

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Submit makes a job with its stages and its first work, or nothing where the job is there already: created says which.
func (r *Repo) Submit(ctx context.Context, g state.Graph, here state.Here) (created bool, moved state.Moved, err error) {
	err = r.inTx(ctx, "repo.Submit", func(t tx) error {
		created, moved, t.here = false, state.Moved{}, here
		graph, waking := t.graphArgs(g, 1)
		rows, err := t.query(ctx, "insert_job", namedArgs{
			"job_id": g.JobID[:], "job_type": g.JobType, "params": string(g.Params), "stages_left": len(g.Stages),
			"has_result": g.HasResult, "traceparent": g.Traceparent,
		})
		if err != nil {
			return err
		}
		if _, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int]); errors.Is(err, pgx.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}
		created, moved = true, waking
		return t.later("insert_graph", graph, taken(&moved))
	})
	return created, moved, err
}

// graphArgs are the arguments of insert_graph, and which queues it will leave work in.
func (t tx) graphArgs(g state.Graph, gen int) (args namedArgs, moved state.Moved) {
	n := len(g.Stages)
	a := struct {
		names, types, kinds, depends []string
		queues                       []int16
		skips, plans                 []bool
		expected, windows, bundles   []int32
		tolerances                   []float64
		totals, chosen               []*int32
		takes                        []int32
	}{}
	for range n {
		a.totals, a.chosen, a.plans = append(a.totals, nil), append(a.chosen, nil), append(a.plans, false)
		a.takes = append(a.takes, 0)
	}
	for i, s := range g.Stages {
		a.names, a.types, a.kinds = append(a.names, s.Name), append(a.types, s.TaskType), append(a.kinds, string(s.Kind))
		a.queues, a.depends = append(a.queues, int16(s.Queue)), append(a.depends, arrayText(s.DependsOn))
		a.skips, a.expected = append(a.skips, s.Skip), append(a.expected, int32(s.Expected))
		a.windows, a.bundles = append(a.windows, int32(s.Window)), append(a.bundles, int32(s.Bundle))
		a.tolerances = append(a.tolerances, s.Tolerance)
		if len(s.DependsOn) > 0 {
			continue
		}
		moved.Started++
		if s.Skip || !s.Kind.Pure() || s.Expected < 1 || s.Expected > state.InlinePlan {
			a.plans[i] = true
			moved.Queue(state.QueueJobs)
			continue
		}
		bundle := t.bundleOf(s.Bundle, s.Expected, s.TaskType)
		take, all := t.take(s.Expected, bundle)
		total, chosen := int32(s.Expected), int32(bundle)
		a.totals[i], a.chosen[i], a.takes[i] = &total, &chosen, int32(take)
		if !all {
			moved.Queue(s.Queue)
		}
	}
	return namedArgs{
		"job_id": g.JobID[:], "gen": gen, "traceparent": g.Traceparent, "by": g.By,
		"names": a.names, "task_types": a.types, "kinds": a.kinds, "queues": a.queues, "depends_on": a.depends, "skips": a.skips,
		"expected": a.expected, "windows": a.windows, "bundles": a.bundles, "tolerances": a.tolerances,
		"start_totals": a.totals, "start_bundles": a.chosen, "to_plan": a.plans,
		"takes": a.takes, "worker": t.here.Worker,
	}, moved
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

// Rerun starts a job that has ended from the beginning, with a new gen of every stage. landed is false where its status is not one of from.
func (r *Repo) Rerun(ctx context.Context, g state.Graph, from []state.JobStatus) (attempt int, landed bool, moved state.Moved, err error) {
	err = r.inTx(ctx, "repo.Rerun", func(t tx) error {
		attempt, landed, moved = 0, false, state.Moved{}
		rows, err := t.query(ctx, "rerun_job", namedArgs{
			"job_id": g.JobID[:], "stages_left": len(g.Stages), "has_result": g.HasResult, "traceparent": g.Traceparent,
			"from": from,
		})
		if err != nil {
			return err
		}
		var gen int
		_, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (struct{}, error) {
			return struct{}{}, row.Scan(&attempt, &gen)
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}
		landed = true
		var graph namedArgs
		graph, moved = t.graphArgs(g, gen+1)
		return t.later("insert_graph", graph, nil)
	})
	return attempt, landed, moved, err
}

// Brief is the little of a job that a decision about it needs.
func (r *Repo) Brief(ctx context.Context, id state.JobID) (state.JobBrief, error) {
	rows, err := r.pool.Query(ctx, statement("job_brief"), namedArgs{"job_id": id[:]})
	if err != nil {
		return state.JobBrief{}, failure("repo.Brief", err)
	}
	b, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[state.JobBrief])
	if errors.Is(err, pgx.ErrNoRows) {
		return b, state.Errorf(state.CodeNotFound, "repo.Brief", "there is no job %s", id)
	}
	if err != nil {
		return b, failure("repo.Brief", err)
	}
	return b, nil
}
