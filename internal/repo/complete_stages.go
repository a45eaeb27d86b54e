package repo

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Bounds of the short path of Complete.
const (
	wholeStages = 64       // in one statement
	knownBytes  = 64 << 10 // results of a stage that are passed on; larger ones are read when needed
)

// wholeStage is a stage whose tasks all end in one batch, under one message that
// covers them all.
type wholeStage struct {
	ends []*state.TaskEnd // in index order
	job  cachedJob
	open int            // stages of the job that have not ended, this one included
	next []startedStage // wait for it alone and start with its end
}

// wholeStagesOf groups the ends of a batch, sorted, by their stages. ok is false
// if one of the stages is not a wholeStage, or if this process does not know
// what follows from its end.
func (r *Repo) wholeStagesOf(ends []*state.TaskEnd) (stages []wholeStage, ok bool) {
	for len(ends) > 0 {
		first := ends[0]

		n := first.StageTotal
		if n < 1 || n > len(ends) || len(stages) == wholeStages {
			return nil, false
		}

		if len(stages) > 0 && stages[len(stages)-1].ends[0].JobID == first.JobID {
			return nil, false
		}

		for i, e := range ends[:n] {
			if e.JobID != first.JobID || e.MessageID != first.MessageID || e.Index != i || e.Attempt != 1 ||
				e.Gen != 1 || e.Status != state.TaskCompleted || e.Log != nil {
				return nil, false
			}
		}

		s := wholeStage{ends: ends[:n]}
		s.job, _ = r.params.get(first.JobID)

		s.open, s.next, ok = follow(&s.job, first.Stage, n)
		if !ok {
			return nil, false
		}

		stages, ends = append(stages, s), ends[n:]
	}

	return stages, true
}

// follow returns how many stages of a job are open while a stage of n tasks
// runs, and the stages that start when it has completed. ok is false if that is
// not known, if another stage can run concurrently, or if more follows than the
// start of stages that need no plan, or the end of the job.
func follow(j *cachedJob, stage, n int) (open int, next []startedStage, ok bool) {
	if stage >= len(j.stages) || !j.stages[stage].Kind.Pure() {
		return 0, nil, false
	}

	before, after := related(j.stages, stage)
	if before+1+after < len(j.stages) {
		return 0, nil, false
	}

	for i, s := range j.stages {
		if s.Finally {
			return 0, nil, false
		}

		if !slices.Contains(s.DependsOn, int16(stage)) {
			continue
		}

		start := state.StageStart{
			Kind: s.Kind, Skip: s.Skip, Expected: s.Expected, SourceTotal: n, SourceClean: true,
		}
		if len(s.DependsOn) > 1 || start.Next() != state.StartDispatch {
			return 0, nil, false
		}

		next = append(next, startedStage{
			number: i, total: start.Total(), dispatched: min(start.Total(), s.Window),
			queue: s.Queue, taskType: s.TaskType,
		})
	}

	return 1 + after, next, after > 0 || !j.hasResult
}

// related returns how many stages have to end before a stage starts, and how
// many wait for it, directly or not. Stages are in topological order.
func related(stages []state.StageSpec, stage int) (before, after int) {
	earlier, later := make([]bool, len(stages)), make([]bool, len(stages))
	earlier[stage], later[stage] = true, true

	for i := stage; i >= 0; i-- {
		if !earlier[i] {
			continue
		}

		before++

		for _, d := range stages[i].DependsOn {
			earlier[d] = true
		}
	}

	for i := stage; i < len(stages); i++ {
		if !later[i] && !slices.ContainsFunc(stages[i].DependsOn, func(d int16) bool { return later[d] }) {
			continue
		}

		later[i] = true
		after++
	}

	return before - 1, after - 1
}

// completeStages records the ends of whole stages and all that follows in one
// statement. landed is false if the statement wrote nothing because something is
// not as expected, or because another transaction was first. Complete then takes
// the long path.
func (r *Repo) completeStages(
	ctx context.Context, local state.LocalCapacity, stages []wholeStage,
) (landed bool, effects state.TransitionEffects, err error) {
	const op = "repo.Complete"

	args := listStages(&local, stages, &effects).args()

	err = r.single(ctx, op, "complete_stages", args, func(rows pgx.Rows) error {
		var row startedMessage

		_, err := pgx.ForEachRow(rows, row.columns(), func() error {
			landed = true

			if row.message != nil {
				effects.Taken = append(effects.Taken, takenNext(stages, &row))
			}

			return nil
		})

		return err
	})
	if err == nil && landed {
		return true, effects, nil
	}

	if lostToAnother(err) {
		err = nil
	}

	return false, state.TransitionEffects{}, err
}

// takenNext returns a message that the statement wrote and claimed.
func takenNext(stages []wholeStage, row *startedMessage) state.ClaimedMessage {
	id := state.JobID(row.job)
	s := &stages[slices.IndexFunc(stages, func(s wholeStage) bool { return s.ends[0].JobID == id })]
	n := &s.next[slices.IndexFunc(s.next, func(n startedStage) bool { return n.number == *row.stage })]

	row.incarnation = s.job.incarnation

	h := row.claimed(&s.job, n)
	h.SourceTotal = len(s.ends)

	if h.Shape == state.MatchPrevious {
		h.Predecessors = predecessors(s.ends[h.First : h.First+h.Count])
	}

	return h
}

// predecessors returns results that the same statement recorded, or nil if they
// are large.
func predecessors(ends []*state.TaskEnd) *state.ResultPage {
	size := 0
	page := &state.ResultPage{
		Results: make(map[int][]byte, len(ends)), Until: ends[0].Index + len(ends), Whole: true,
	}

	for _, e := range ends {
		page.Results[e.Index], size = e.Result, size+len(e.Result)
	}

	if size > knownBytes {
		return nil
	}

	return page
}
