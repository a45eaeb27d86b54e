package repo

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// advance decides what follows from stages whose tasks ended: the next window,
// the end of a stage and what starts after it, the end of a job, or its
// failure. It runs in the transaction that locks the rows of the stages, so two
// processes cannot both decide.
func advance(ctx context.Context, t tx, progress []stageRow, effects *state.TransitionEffects) error {
	var (
		ended []stageEnd
		more  []stageRow
	)

	for i := range progress {
		s := &progress[i]

		effects.Landed += s.landed
		switch s.Next() {
		case state.StepFail:
			f := state.Failure{Code: state.CodeTasksFailed, Stage: s.name, Message: s.FailureText(s.name)}
			if err := failJob(ctx, t, s.job, f, effects); err != nil {
				return err
			}
		case state.StepEnd:
			ended = append(ended, stageEnd{job: s.job, stage: s.stage, status: state.StageCompleted})
		case state.StepDispatch:
			more = append(more, *s)
		case state.StepWait:
		}
	}

	if err := dispatch(ctx, t, more, effects); err != nil {
		return err
	}

	return endStages(ctx, t, ended, effects)
}

func failJob(ctx context.Context, t tx, job state.JobID, f state.Failure, effects *state.TransitionEffects) error {
	f.Message = state.CleanText(f.Message)

	text, err := json.Marshal(f)
	if err != nil {
		return err
	}

	n, err := t.exec(ctx, "fail_job", namedArgs{"job_id": job[:], "error": string(text)})
	if n > 0 {
		effects.Queue(state.QueueJobs)
	}

	return err
}

// dispatch fills the windows of stages that have tasks without a message. A
// range of a sparse stage may need none: then the next is looked at, since no
// completion would come to do so.
func dispatch(ctx context.Context, t tx, stages []stageRow, effects *state.TransitionEffects) error {
	for len(stages) > 0 {
		var (
			jobs    [][]byte
			numbers []int16
			counts  []int32
		)

		for i := range stages {
			s := &stages[i]

			n := s.Room()
			if n <= 0 {
				continue
			}

			jobs = append(jobs, s.job[:])
			numbers = append(numbers, int16(s.stage))
			counts = append(counts, int32(n))

			effects.Queue(s.queue)
		}

		if len(jobs) == 0 {
			return nil
		}

		rows, err := t.query(ctx, "dispatch", namedArgs{"job_ids": jobs, "stages": numbers, "counts": counts})
		if err != nil {
			return err
		}

		if stages, err = emptyRanges(rows, stages); err != nil {
			return err
		}
	}

	return nil
}

// emptyRanges keeps the stages whose dispatched range held no task to run and
// which have more.
func emptyRanges(rows pgx.Rows, stages []stageRow) ([]stageRow, error) {
	var (
		raw                []byte
		number, dispatched int
		sent               bool
		again              []stageRow
	)

	_, err := pgx.ForEachRow(rows, []any{&raw, &number, &dispatched, &sent}, func() error {
		for _, s := range stages {
			if s.job == state.JobID(raw) && s.stage == number && !sent && dispatched < s.Total {
				s.Dispatched = dispatched
				again = append(again, s)
			}
		}

		return nil
	})

	return again, err
}

type stageEnd struct {
	job    state.JobID
	stage  int
	status state.StageStatus
}

// startable is a stage whose last dependency has just ended.
type startable struct {
	state.StageStart

	job      state.JobID
	stage    int
	ended    bool
	queue    state.Queue
	taskType string
	bundle   int
}

// endStages ends stages and starts the stages that waited for them. If a stage
// starts without work, endStages ends it immediately and repeats this for its
// followers. Last, it decrements the counters of their jobs.
func endStages(ctx context.Context, t tx, ended []stageEnd, effects *state.TransitionEffects) error {
	return endStagesBy(ctx, t, ended, begin, effects)
}

// endStagesBy is endStages with another way to start stages.
func endStagesBy(
	ctx context.Context, t tx, ended []stageEnd, start starter, effects *state.TransitionEffects,
) error {
	over := map[state.JobID]int32{}

	for len(ended) > 0 {
		next, err := lowerDependents(ctx, t, ended)
		if err != nil {
			return err
		}

		for _, s := range next {
			if s.ended {
				over[s.job]++
			}
		}

		if ended, err = start(t, next, effects); err != nil {
			return err
		}
	}

	return lowerJobs(t, over, effects)
}

// starter starts the stages that can start, and returns those that end
// immediately.
type starter func(t tx, next []startable, effects *state.TransitionEffects) (ended []stageEnd, err error)

// skip is the starter of stages of which none is to run.
func skip(t tx, next []startable, effects *state.TransitionEffects) (ended []stageEnd, err error) {
	for i := range next {
		next[i].Skip = true
	}

	return begin(t, next, effects)
}

// begin is the starter of all other stages.
func begin(t tx, next []startable, effects *state.TransitionEffects) (ended []stageEnd, err error) {
	var start, plan []startable

	for _, s := range next {
		if s.ended {
			continue
		}

		switch s.Next() {
		case state.StartSkip:
			ended = append(ended, stageEnd{s.job, s.stage, state.StageSkipped})
		case state.StartEmpty:
			ended = append(ended, stageEnd{s.job, s.stage, state.StageCompleted})
		case state.StartPlan:
			plan = append(plan, s)
		case state.StartDispatch:
			start = append(start, s)
		}
	}

	if err := startStages(t, start, effects); err != nil {
		return nil, err
	}

	return ended, planStages(t, plan, effects)
}

func lowerDependents(ctx context.Context, t tx, ended []stageEnd) ([]startable, error) {
	jobs := make([][]byte, len(ended))
	stages := make([]int16, len(ended))

	statuses := make([]string, len(ended))
	for i := range ended {
		jobs[i], stages[i], statuses[i] = ended[i].job[:], int16(ended[i].stage), string(ended[i].status)
	}

	if err := t.later("lock_dependents", namedArgs{"job_ids": jobs, "stages": stages}, nil); err != nil {
		return nil, err
	}

	rows, err := t.query(
		ctx,
		"end_stages",
		namedArgs{"job_ids": jobs, "stages": stages, "statuses": statuses},
	)
	if err != nil {
		return nil, err
	}

	return pgx.CollectRows(rows, scanStartable)
}

func scanStartable(row pgx.CollectableRow) (startable, error) {
	var (
		s     startable
		job   []byte
		queue int16
	)

	err := row.Scan(
		&job,
		&s.stage,
		&s.ended,
		&s.Kind,
		&s.Skip,
		&s.Expected,
		&queue,
		&s.taskType,
		&s.bundle,
		&s.SourceTotal,
		&s.SourceClean,
	)
	copy(s.job[:], job)
	s.queue = state.Queue(queue)

	return s, err
}

func startStages(t tx, start []startable, effects *state.TransitionEffects) error {
	if len(start) == 0 {
		return nil
	}

	n := len(start)
	jobs := make([][]byte, n)
	stages := make([]int16, n)
	totals := make([]int32, n)
	bundles := make([]int32, n)
	takes := make([]int32, n)

	for i := range start {
		s := &start[i]
		jobs[i], stages[i], totals[i] = s.job[:], int16(s.stage), int32(s.Total())
		bundle := state.BundleSize(s.bundle, s.Total(), t.taskDuration(s.taskType))
		take, all := t.reserveLocal(s.Total(), bundle, s.taskType)
		bundles[i], takes[i] = int32(bundle), int32(take)

		if !all {
			effects.Queue(s.queue)
		}
	}

	return t.later("start_stages", namedArgs{
		"job_ids": jobs,
		"stages":  stages,
		"totals":  totals,
		"bundles": bundles,
		"takes":   takes,
		"worker":  t.local.Worker,
	}, claimedLocally(effects))
}

func planStages(t tx, plan []startable, effects *state.TransitionEffects) error {
	if len(plan) == 0 {
		return nil
	}

	jobs, stages := make([][]byte, len(plan)), make([]int16, len(plan))
	for i := range plan {
		jobs[i], stages[i] = plan[i].job[:], int16(plan[i].stage)
	}

	effects.Queue(state.QueueJobs)

	return t.later("plan_stages", namedArgs{"job_ids": jobs, "stages": stages}, nil)
}

func lowerJobs(t tx, over map[state.JobID]int32, effects *state.TransitionEffects) error {
	if len(over) == 0 {
		return nil
	}

	jobs, counts := make([][]byte, 0, len(over)), make([]int32, 0, len(over))
	for _, job := range slices.SortedFunc(maps.Keys(over), state.JobID.Compare) {
		jobs, counts = append(jobs, job[:]), append(counts, over[job])
	}

	if err := t.later("lock_jobs", namedArgs{"job_ids": jobs}, nil); err != nil {
		return err
	}

	return t.later("decrement_pending_stages", namedArgs{"job_ids": jobs, "ended": counts}, func(rows pgx.Rows) error {
		var (
			raw            []byte
			ends, finishes bool
		)

		_, err := pgx.ForEachRow(rows, []any{&raw, &ends, &finishes}, func() error {
			var id state.JobID
			copy(id[:], raw)

			if ends {
				effects.Jobs = append(effects.Jobs, id)
			}

			if finishes {
				effects.Queue(state.QueueJobs)
			}

			return nil
		})

		return err
	})
}
