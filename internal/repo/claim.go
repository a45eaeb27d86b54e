package repo

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

// Claim takes the message rows that the messages name for a worker. What is
// missing from the answer cannot be claimed: its work has ended, another worker
// holds it, or its job is being stopped.
func (r *Repo) Claim(ctx context.Context, worker uuid.UUID, msgs []state.Message) ([]state.ClaimedMessage, error) {
	msgs = slices.SortedFunc(slices.Values(msgs), func(a, b state.Message) int {
		return cmp.Or(a.JobID.Compare(b.JobID), cmp.Compare(a.MessageID, b.MessageID))
	})

	var held []state.ClaimedMessage

	jobs, ids := make([][]byte, len(msgs)), make([]int64, len(msgs))
	for i := range msgs {
		jobs[i], ids[i] = msgs[i].JobID[:], msgs[i].MessageID
	}

	args := namedArgs{"worker": worker, "job_ids": jobs, "message_ids": ids}
	err := r.single(ctx, "repo.Claim", "claim", args, func(rows pgx.Rows) (err error) {
		held, err = pgx.CollectRows(rows, scanHeld)
		return err
	})

	return held, err
}

// Claimable reports whether a claim of the message could land now.
func (r *Repo) Claimable(ctx context.Context, msg state.Message) (ok bool, err error) {
	args := namedArgs{"job_id": msg.JobID[:], "message_id": msg.MessageID}
	err = r.single(ctx, "repo.Claimable", "claimable", args, func(rows pgx.Rows) (err error) {
		ok, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
		return err
	})

	return ok, err
}

// Defer makes a message that no worker has claimed due again after delay.
// resend gives it a new id, for a transport that drops what it has carried
// before.
func (r *Repo) Defer(ctx context.Context, msg state.Message, delay time.Duration, resend bool) error {
	_, err := r.one(ctx, "repo.Defer", "defer", namedArgs{
		"job_id":     msg.JobID[:],
		"message_id": msg.MessageID,
		"send":       msg.Send,
		"delay":      delay.Seconds(),
		"resend":     resend,
	})

	return err
}

func scanHeld(row pgx.CollectableRow) (state.ClaimedMessage, error) {
	var (
		h           state.ClaimedMessage
		job         []byte
		parked      *time.Time
		queue, kind int16
	)

	err := row.Scan(
		&job,
		&h.MessageID,
		&queue,
		&kind,
		&h.Stage,
		&h.Gen,
		&h.First,
		&h.Count,
		&h.TasksLeft,
		&h.Attempt,
		&h.Losses,
		&h.ClaimedAt,
		&parked,
		&h.Traceparent,
		&h.Incarnation,
		&h.JobType,
		&h.HasResult,
		&h.StageName,
		&h.TaskType,
		&h.Shape,
		&h.DependsOn,
		&h.Dependencies,
		&h.Finally,
		&h.StageGen,
		&h.Planned,
		&h.Total,
		&h.Bundle,
		&h.Skip,
		&h.Expected,
		&h.SourceTotal,
		&h.SourceType,
		&h.SourceKind,
	)
	copy(h.JobID[:], job)

	h.Queue, h.Kind = state.Queue(queue), state.MessageKind(kind)
	if parked != nil {
		h.ParkedSince = *parked
	}

	return h, err
}

// fence is what a holder presents with every write.
func fence(worker uuid.UUID, h state.ClaimedMessage) namedArgs {
	return namedArgs{"job_id": h.JobID[:], "message_id": h.MessageID, "worker": worker, "attempt": h.Attempt}
}

// BundleTasks lists the tasks that a held message covers, in index order, with at
// most 8 MiB of inputs.
func (r *Repo) BundleTasks(ctx context.Context, h state.ClaimedMessage) ([]state.BundleTask, error) {
	rows, err := r.pool.Query(ctx, statement("bundle_tasks"), namedArgs{
		"job_id": h.JobID[:],
		"stage":  h.Stage,
		"gen":    h.Gen,
		"first":  h.First,
		"count":  h.Count,
		"bytes":  pageBytes,
	})
	if err != nil {
		return nil, failure("repo.BundleTasks", err)
	}

	tasks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (state.BundleTask, error) {
		var c state.BundleTask
		return c, row.Scan(&c.Index, &c.Failures, &c.Losses, &c.Input, &c.Later)
	})
	if err != nil {
		return nil, failure("repo.BundleTasks", err)
	}

	return tasks, nil
}

// Input reads the input of a task that Covered left out.
func (r *Repo) Input(ctx context.Context, h state.ClaimedMessage, index int) (input []byte, err error) {
	args := namedArgs{"job_id": h.JobID[:], "stage": h.Stage, "gen": h.Gen, "index": index}
	if err := r.pool.QueryRow(ctx, statement("task_input"), args).Scan(&input); err != nil {
		return nil, failure("repo.Input", err)
	}

	return input, nil
}

// Drop ends a held message with nothing else: its work was done before, or
// belongs to the past.
func (r *Repo) Drop(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage) error {
	_, err := r.one(ctx, "repo.Drop", "drop_message", fence(worker, h))
	return err
}

// Release puts a held message back, due after delay, with no attempt counted.
// parkedFor names a task type that this build does not know, and is empty
// otherwise.
func (r *Repo) Release(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	delay time.Duration,
	parkedFor string,
) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	args := fence(worker, h)
	args["delay"], args["parked_for"] = delay.Seconds(), parkedFor
	_, err := r.one(ctx, "repo.Release", "release", args)

	effects.Queue(h.Queue)

	return effects, err
}

// Split splits a claimed bundle before the task with index first. The remaining
// tasks become a message of their own; rest is the number of its open tasks.
func (r *Repo) Split(
	ctx context.Context,
	worker uuid.UUID,
	h state.ClaimedMessage,
	first, rest int,
) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	args := fence(worker, h)
	args["first"], args["rest"] = first, rest
	_, err := r.one(ctx, "repo.Split", "split", args)

	effects.Queue(h.Queue) // a repeat too: the first call may have woken no worker

	return effects, err
}

// ReleaseWorker requeues all messages that a worker still holds and removes the
// worker. A process that shuts down gracefully calls it last.
func (r *Repo) ReleaseWorker(ctx context.Context, worker uuid.UUID) (state.TransitionEffects, error) {
	var effects state.TransitionEffects

	err := r.inTx(ctx, "repo.ReleaseWorker", func(t tx) error {
		rows, err := t.query(ctx, "release_worker", namedArgs{"worker": worker})
		if err != nil {
			return err
		}

		queues, err := pgx.CollectRows(rows, pgx.RowTo[int16])
		for _, q := range queues {
			effects.Queue(state.Queue(q))
		}

		return err
	})

	return effects, err
}

// ReleaseForgotten requeues the messages that a worker has held for longer than
// age and that are not in known. known lists the messages that it works on.
func (r *Repo) ReleaseForgotten(
	ctx context.Context,
	worker uuid.UUID,
	known []state.Message,
	age time.Duration,
) (n int, effects state.TransitionEffects, err error) {
	jobs, ids := make([][]byte, len(known)), make([]int64, len(known))
	for i := range known {
		jobs[i], ids[i] = known[i].JobID[:], known[i].MessageID
	}

	return r.queuesOf(ctx, "repo.ReleaseForgotten", "release_forgotten", namedArgs{
		"worker": worker, "job_ids": jobs, "message_ids": ids, "age": age.Seconds(),
	})
}
