package repo

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// advance decides what follows from stages whose tasks landed: the next window,
// the end of a stage and what starts after it, the end of a job, or its
// failure. It runs in the transaction that holds their rows, so that nobody
// decides twice.
func advance(ctx context.Context, t tx, progress []stageRow, moved *state.Moved) error {
	var (
		ended []stageEnd
		more  []stageRow
	)

	for i := range progress {
		s := &progress[i]

		moved.Landed += s.landed
		switch {
		case s.failing():
			f := state.Failure{Code: state.CodeTasksFailed, Stage: s.name, Message: tooMany(s)}
			if err := failJob(ctx, t, s.job, f, moved); err != nil {
				return err
			}
		case s.over() == s.total:
			ended = append(ended, stageEnd{job: s.job, stage: s.stage, status: state.StageCompleted})
		case s.dispatched < s.total:
			more = append(more, *s)
		}
	}

	if err := dispatch(ctx, t, more, moved); err != nil {
		return err
	}

	return endStages(ctx, t, ended, moved)
}

func tooMany(s *stageRow) string {
	if s.tolerance == 0 {
		return fmt.Sprintf("a task of stage %s failed, and the job tolerates none", s.name)
	}

	return fmt.Sprintf(
		"%d of %d tasks of stage %s failed; the job tolerates %d (%s)",
		s.failed,
		s.total,
		s.name,
		state.Tolerated(s.tolerance, s.total),
		state.TolerancePercent(s.tolerance),
	)
}

func failJob(ctx context.Context, t tx, job state.JobID, f state.Failure, moved *state.Moved) error {
	f.Message = state.CleanText(f.Message)

	text, err := json.Marshal(f)
	if err != nil {
		return err
	}

	n, err := t.exec(ctx, "fail_job", namedArgs{"job_id": job[:], "error": string(text)})
	if n > 0 {
		moved.Queue(state.QueueJobs)
	}

	return err
}

// dispatch fills the windows of stages that have tasks without a message. A
// range of a sparse stage may need none: then the next is looked at, since no
// completion would come to do so.
func dispatch(ctx context.Context, t tx, stages []stageRow, moved *state.Moved) error {
	for len(stages) > 0 {
		var (
			jobs    [][]byte
			numbers []int16
			counts  []int32
		)

		for i := range stages {
			s := &stages[i]

			n := s.room()
			if n <= 0 {
				continue
			}

			jobs = append(jobs, s.job[:])
			numbers = append(numbers, int16(s.stage))
			counts = append(counts, int32(n))

			moved.Queue(s.queue)
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

// room is how many indexes the window has room for: whole bundles, or all that
// is left.
func (s *stageRow) room() int {
	free, left := s.window-max(0, s.dispatched-s.over()), s.total-s.dispatched
	if free >= left {
		return left
	}

	bundle := max(1, s.bundle)
	if free == s.window { // nothing is in flight: a bundle larger than the window goes out whole
		return min(left, max(bundle, free/bundle*bundle))
	}

	return free / bundle * bundle
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
			if s.job == state.JobID(raw) && s.stage == number && !sent && dispatched < s.total {
				s.dispatched = dispatched
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
	job         state.JobID
	stage       int
	ended       bool
	kind        state.Parallelism
	skip        bool
	expected    int
	queue       state.Queue
	taskType    string
	bundle      int
	sourceTotal int
	sourceClean bool
}

// total is how many tasks the stage will have, -1 where only its plan can tell.
func (s *startable) total() int {
	switch s.kind {
	case state.FanOut:
		return -1
	case state.MatchPrevious:
		return s.sourceTotal
	case state.Single, state.FanIn, state.Dynamic:
		return s.expected
	}

	return -1
}

// endStages ends stages, starts what waited for them, ends at once what starts
// with no work, and so on, and last lowers their jobs.
func endStages(ctx context.Context, t tx, ended []stageEnd, moved *state.Moved) error {
	over := map[state.JobID]int32{}

	for len(ended) > 0 {
		next, err := lowerDependents(ctx, t, ended)
		if err != nil {
			return err
		}

		ended = nil

		var start, plan []startable

		for _, s := range next {
			switch total := s.total(); {
			case s.ended:
				over[s.job]++
				moved.Ended++
			case s.skip:
				ended = append(ended, stageEnd{s.job, s.stage, state.StageSkipped})
			case total == 0:
				ended = append(ended, stageEnd{s.job, s.stage, state.StageCompleted})
			case total < 0 || s.kind == state.MatchPrevious && !s.sourceClean:
				plan = append(plan, s)
			default:
				start = append(start, s)
			}
		}

		moved.Started += len(start) + len(plan)
		if err := startStages(t, start, moved); err != nil {
			return err
		}

		if err := planStages(t, plan, moved); err != nil {
			return err
		}
	}

	return lowerJobs(t, over, moved)
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

	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (startable, error) {
		var (
			s     startable
			job   []byte
			queue int16
		)

		err := row.Scan(
			&job,
			&s.stage,
			&s.ended,
			&s.kind,
			&s.skip,
			&s.expected,
			&queue,
			&s.taskType,
			&s.bundle,
			&s.sourceTotal,
			&s.sourceClean,
		)
		copy(s.job[:], job)
		s.queue = state.Queue(queue)

		return s, err
	})
}

func startStages(t tx, start []startable, moved *state.Moved) error {
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
		jobs[i], stages[i], totals[i] = s.job[:], int16(s.stage), int32(s.total())
		bundle := t.bundleOf(s.bundle, s.total(), s.taskType)
		take, all := t.take(s.total(), bundle, s.taskType)
		bundles[i], takes[i] = int32(bundle), int32(take)

		if !all {
			moved.Queue(s.queue)
		}
	}

	return t.later("start_stages", namedArgs{
		"job_ids": jobs,
		"stages":  stages,
		"totals":  totals,
		"bundles": bundles,
		"takes":   takes,
		"worker":  t.here.Worker,
	}, taken(moved))
}

func planStages(t tx, plan []startable, moved *state.Moved) error {
	if len(plan) == 0 {
		return nil
	}

	jobs, stages := make([][]byte, len(plan)), make([]int16, len(plan))
	for i := range plan {
		jobs[i], stages[i] = plan[i].job[:], int16(plan[i].stage)
	}

	moved.Queue(state.QueueJobs)

	return t.later("plan_stages", namedArgs{"job_ids": jobs, "stages": stages}, nil)
}

func lowerJobs(t tx, over map[state.JobID]int32, moved *state.Moved) error {
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

	return t.later("lower_jobs", namedArgs{"job_ids": jobs, "ended": counts}, func(rows pgx.Rows) error {
		var (
			raw            []byte
			ends, finishes bool
		)

		_, err := pgx.ForEachRow(rows, []any{&raw, &ends, &finishes}, func() error {
			var id state.JobID
			copy(id[:], raw)

			if ends {
				moved.Jobs = append(moved.Jobs, id)
			}

			if finishes {
				moved.Queue(state.QueueJobs)
			}

			return nil
		})

		return err
	})
}
