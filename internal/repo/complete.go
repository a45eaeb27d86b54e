package repo

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// Complete records how attempts ended and starts what follows, in one
// transaction: counters, retries, the next window, the next stage, the end of
// the job. It also keeps the log lines that the ends carry. If the fence rejects
// an attempt, or if the attempt began after a stop of its job was requested,
// Complete skips it without an error. If the database rejects data of a batch,
// the whole batch fails with CodeInvalid, and the caller bisects it.
func (r *Repo) Complete(
	ctx context.Context,
	local state.LocalCapacity,
	ends []state.TaskEnd,
) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	sorted := make([]*state.TaskEnd, len(ends))
	for i := range ends {
		sorted[i] = &ends[i]
	}

	slices.SortFunc(sorted, func(a, b *state.TaskEnd) int {
		if a.MessageID == b.MessageID { // of one job: identities are not used twice
			return cmp.Compare(a.Index, b.Index)
		}

		return cmp.Or(a.JobID.Compare(b.JobID), cmp.Compare(a.MessageID, b.MessageID))
	})

	if stages, ok := r.wholeStagesOf(sorted); ok {
		landed, effects, err := r.completeStages(ctx, local, stages)
		if landed || err != nil {
			return effects, err
		}
	}

	args, logs := completeArgs(local.Worker, sorted), logArgs(local.Worker, sorted)
	err := r.inTx(ctx, "repo.Complete", func(t tx) error {
		effects, t.local = state.TransitionEffects{}, local

		if len(sorted) >= largeBatch {
			if err := t.keepMemory(); err != nil {
				return err
			}
		}

		if logs != nil {
			if err := t.later("write_task_logs", logs, nil); err != nil {
				return err
			}
		}

		progress, err := stageProgress(ctx, t, "complete", args)
		if err != nil {
			return err
		}

		if err := tellFailures(t, sorted, progress, &effects); err != nil {
			return err
		}

		return advance(ctx, t, progress, &effects)
	})

	return effects, err
}

// completeArgs lists the messages once each, by place, and the ends with the
// places of their messages.
func completeArgs(worker uuid.UUID, ends []*state.TaskEnd) namedArgs {
	n := len(ends)

	var (
		heldJobs     [][]byte
		heldMessages []int64
		heldAttempts []int32
	)

	places, jobs, stages, gens := make([]int32, n), make([][]byte, n), make([]int16, n), make([]int32, n)
	indexes, results, started := make([]int32, n), make([][]byte, n), make([]time.Time, n)

	var (
		outcomes, codes, errs, stacks []*string
		finals                        []bool
		delays                        []float64
	)

	for i := range ends {
		e := ends[i]
		if i == 0 || e.JobID != ends[i-1].JobID || e.MessageID != ends[i-1].MessageID ||
			e.Attempt != ends[i-1].Attempt {
			heldJobs, heldMessages = append(heldJobs, e.JobID[:]), append(heldMessages, e.MessageID)
			heldAttempts = append(heldAttempts, int32(e.Attempt))
		}

		places[i] = int32(len(heldJobs))
		jobs[i] = e.JobID[:]
		stages[i] = int16(e.Stage)
		gens[i] = int32(e.Gen)

		indexes[i], results[i], started[i] = int32(e.Index), e.Result, e.StartedAt
		if e.Status == state.TaskCompleted {
			continue
		}

		if outcomes == nil {
			outcomes, codes, errs = make([]*string, n), make([]*string, n), make([]*string, n)
			stacks, finals, delays = make([]*string, n), make([]bool, n), make([]float64, n)
		}

		outcome, code := string(e.Outcome), string(e.Code)

		outcomes[i], codes[i], errs[i] = &outcome, &code, &e.Error
		if e.Stack != "" {
			stacks[i] = &e.Stack
		}

		finals[i], delays[i] = e.Status == state.TaskFailed, e.Delay.Seconds()
	}

	return namedArgs{
		"worker":        worker,
		"held_jobs":     heldJobs,
		"held_messages": heldMessages,
		"held_attempts": heldAttempts,
		"places":        places,
		"job_ids":       jobs,
		"stages":        stages,
		"gens":          gens,
		"indexes":       indexes,
		"results":       results,
		"started":       started,
		"outcomes":      outcomes,
		"codes":         codes,
		"errors":        errs,
		"stacks":        stacks,
		"finals":        finals,
		"delays":        delays,
	}
}

// stageRow is a stage as it stands after tasks of it landed; its row is locked
// by this transaction.
type stageRow struct {
	state.StageProgress

	job          state.JobID
	stage        int
	name         string
	queue        state.Queue
	landed       int
	unsuccessful []int64 // places, from 1, of the ends that landed and did not succeed
}

func stageProgress(ctx context.Context, t tx, name string, args namedArgs) ([]stageRow, error) {
	rows, err := t.query(ctx, name, args)
	if err != nil {
		return nil, err
	}

	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s stageRow, err error) {
		err = s.scan(row, &s.unsuccessful)
		return s, err
	})
}

// scan reads the columns that describe a stage, in the order of complete.sql, and
// further ones behind them.
func (s *stageRow) scan(row pgx.CollectableRow, further ...any) error {
	var (
		job   []byte
		queue int16
	)

	columns := []any{
		&job, &s.stage, &s.name, &s.Total, &s.Dispatched, &s.Completed, &s.Failed, &s.Cancelled,
		&s.Window, &s.Bundle, &s.Tolerance, &queue, &s.landed,
	}
	err := row.Scan(append(columns, further...)...)

	copy(s.job[:], job)
	s.queue = state.Queue(queue)

	return err
}
