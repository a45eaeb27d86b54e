package repo

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"coremachine/internal/state"
)

// Complete books how many attempts ended and sets in motion what follows, in one transaction: counters, retries, the next
// window, the next stage, the end of the job. What its fence refuses is left out and is no error; so is what began after its
// job was told to stop. A batch that holds data which the database refuses fails whole with CodeInvalid; the caller halves it.
func (r *Repo) Complete(ctx context.Context, worker uuid.UUID, ends []state.TaskEnd) (state.Moved, error) {
	var moved state.Moved
	ends = slices.SortedFunc(slices.Values(ends), func(a, b state.TaskEnd) int {
		return cmp.Or(a.JobID.Compare(b.JobID), cmp.Compare(a.MessageID, b.MessageID), cmp.Compare(a.Index, b.Index))
	})
	err := r.inTx(ctx, "repo.Complete", func(t tx) error {
		moved = state.Moved{}
		held, err := lockHeld(ctx, t, worker, ends)
		if err != nil {
			return err
		}
		landing := held.admit(ends)
		if len(landing) == 0 {
			return nil
		}
		progress, err := stageProgress(ctx, t, "complete", held.args(worker, landing))
		if err != nil {
			return err
		}
		for _, e := range landing {
			if e.Status == state.TaskQueued {
				moved.Queue(held.rows[e.place].queue)
			}
		}
		if err := tellFailures(ctx, t, landing); err != nil {
			return err
		}
		return advance(ctx, t, progress, &moved)
	})
	return moved, err
}

// heldRows are the message rows of a batch, locked by this transaction, by their place in the batch's list of messages.
type heldRows struct {
	rows map[int]heldRow
	list []int // place of each end's message
}

type heldRow struct {
	left        int
	queue       state.Queue
	traceparent string
	stopAt      pgtype.Timestamptz
}

// landingEnd is an end that its fence admits.
type landingEnd struct {
	*state.TaskEnd
	place int
}

func lockHeld(ctx context.Context, t tx, worker uuid.UUID, ends []state.TaskEnd) (heldRows, error) {
	h := heldRows{rows: map[int]heldRow{}, list: make([]int, len(ends))}
	var jobs [][]byte
	var messages []int64
	var attempts []int16
	for i := range ends {
		e := &ends[i]
		if i == 0 || e.JobID != ends[i-1].JobID || e.MessageID != ends[i-1].MessageID || e.Attempt != ends[i-1].Attempt {
			jobs, messages, attempts = append(jobs, e.JobID[:]), append(messages, e.MessageID), append(attempts, int16(e.Attempt))
		}
		h.list[i] = len(jobs)
	}
	rows, err := t.query(ctx, "lock_held", pgx.StrictNamedArgs{
		"worker": worker, "job_ids": jobs, "message_ids": messages, "attempts": attempts,
	})
	if err != nil {
		return h, err
	}
	var place int
	var row heldRow
	var queue int16
	_, err = pgx.ForEachRow(rows, []any{&place, &row.left, &queue, &row.traceparent, &row.stopAt}, func() error {
		row.queue = state.Queue(queue)
		h.rows[place] = row
		return nil
	})
	return h, err
}

// admit leaves out what is no longer held, and what began after its job was told to stop.
func (h *heldRows) admit(ends []state.TaskEnd) []landingEnd {
	landing := make([]landingEnd, 0, len(ends))
	for i := range ends {
		row, ok := h.rows[h.list[i]]
		late := ok && row.stopAt.InfinityModifier == pgtype.Finite && ends[i].StartedAt.After(row.stopAt.Time)
		if ok && !late {
			landing = append(landing, landingEnd{&ends[i], h.list[i]})
		}
	}
	return landing
}

func (h *heldRows) args(worker uuid.UUID, ends []landingEnd) pgx.StrictNamedArgs {
	n, most := len(ends), 0
	jobs, messages, places := make([][]byte, n), make([]int64, n), make([]int32, n)
	attempts, stages, gens, indexes := make([]int16, n), make([]int16, n), make([]int16, n), make([]int32, n)
	statuses, results, codes := make([]string, n), make([][]byte, n), make([]string, n)
	outcomes, errs := make([]*string, n), make([]*string, n)
	started, delays := make([]time.Time, n), make([]float64, n)
	for i, e := range ends {
		jobs[i], messages[i], places[i], most = e.JobID[:], e.MessageID, int32(e.place), max(most, e.place)
		attempts[i], stages[i], gens[i], indexes[i] = int16(e.Attempt), int16(e.Stage), int16(e.Gen), int32(e.Index)
		statuses[i], results[i], started[i], delays[i] = string(e.Status), e.Result, e.StartedAt, e.Delay.Seconds()
		if e.Status != state.TaskCompleted {
			outcome := string(e.Outcome)
			outcomes[i], codes[i], errs[i] = &outcome, string(e.Code), &e.Error
		}
	}
	lefts, queues, traces := make([]int32, most), make([]int16, most), make([]string, most)
	for place, row := range h.rows {
		if place <= most {
			lefts[place-1], queues[place-1], traces[place-1] = int32(row.left), int16(row.queue), row.traceparent
		}
	}
	return pgx.StrictNamedArgs{
		"worker": worker, "job_ids": jobs, "message_ids": messages, "places": places, "attempts": attempts, "stages": stages,
		"gens": gens, "indexes": indexes, "statuses": statuses, "results": results, "outcomes": outcomes, "codes": codes,
		"errors": errs, "started": started, "delays": delays, "lefts": lefts, "queues": queues, "traceparents": traces,
	}
}

// stageRow is a stage as it stands after tasks of it landed; its row is locked by this transaction.
type stageRow struct {
	job                          state.JobID
	stage                        int
	name                         string
	total, dispatched            int
	completed, failed, cancelled int
	window, bundle               int
	tolerance                    float64
	queue                        state.Queue
	landed                       int
}

func (s *stageRow) over() int { return s.completed + s.failed + s.cancelled }

// failing tells whether more tasks failed than the job tolerates.
func (s *stageRow) failing() bool { return float64(s.failed) > s.tolerance*float64(s.total) }

func stageProgress(ctx context.Context, t tx, name string, args pgx.StrictNamedArgs) ([]stageRow, error) {
	rows, err := t.query(ctx, name, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (stageRow, error) {
		var s stageRow
		var job []byte
		var queue int16
		err := row.Scan(&job, &s.stage, &s.name, &s.total, &s.dispatched, &s.completed, &s.failed, &s.cancelled, &s.window,
			&s.bundle, &s.tolerance, &queue, &s.landed)
		copy(s.job[:], job)
		s.queue = state.Queue(queue)
		return s, err
	})
}
