package repo

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

const lostText = "the process that ran it died, five times"

// Orphans lists messages whose holder's lease has ended, at most most: by
// holder and attempt, and of these in lock order.
func (r *Repo) Orphans(ctx context.Context, most int) ([]state.Orphan, error) {
	rows, err := r.pool.Query(ctx, statement("orphans"), namedArgs{"most": most})
	if err != nil {
		return nil, failure("repo.Orphans", err)
	}

	orphans, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (state.Orphan, error) {
		var (
			o    state.Orphan
			job  []byte
			kind int16
		)

		err := row.Scan(&o.Worker, &job, &o.MessageID, &kind, &o.Attempt, &o.First, &o.Count)
		copy(o.JobID[:], job)
		o.Kind = state.MessageKind(kind)

		return o, err
	})
	if err != nil {
		return nil, failure("repo.Orphans", err)
	}

	return orphans, nil
}

// ReclaimExpired requeues orphans of one holder and attempt, in one transaction: of
// each the first Count tasks from First on. Tasks lose a worker each. A plan or
// a result that has lost too many workers fails its job. freed counts tasks,
// and messages of other kinds. What is not the holder's any more is left alone
// and is not counted.
func (r *Repo) ReclaimExpired(
	ctx context.Context, worker uuid.UUID, orphans []state.Orphan,
) (freed int, effects state.TransitionEffects, err error) {
	var tasks, others []state.Orphan

	for _, o := range orphans {
		if o.Kind == state.KindTasks {
			tasks = append(tasks, o)
			continue
		}

		others = append(others, o)
	}

	err = r.inTx(ctx, "repo.ReclaimExpired", func(t tx) error {
		freed, effects = 0, state.TransitionEffects{}
		if len(others) > 0 {
			n, err := freeLostPlans(ctx, t, worker, others, &effects)
			if err != nil {
				return err
			}

			freed += n
		}

		if len(tasks) == 0 {
			return nil
		}

		n, err := freeLostTasks(ctx, t, worker, tasks, &effects)
		freed += n

		return err
	})
	if err != nil {
		return 0, state.TransitionEffects{}, err
	}

	return freed, effects, nil
}

// orphanArgs are the orphans as arrays by place.
func orphanArgs(worker uuid.UUID, orphans []state.Orphan) namedArgs {
	n := len(orphans)

	jobs, ids := make([][]byte, n), make([]int64, n)
	for i := range orphans {
		jobs[i], ids[i] = orphans[i].JobID[:], orphans[i].MessageID
	}

	return namedArgs{"worker": worker, "job_ids": jobs, "message_ids": ids}
}

func freeLostTasks(
	ctx context.Context, t tx, worker uuid.UUID, orphans []state.Orphan, effects *state.TransitionEffects,
) (freed int, err error) {
	args := orphanArgs(worker, orphans)

	firsts, below := make([]int32, len(orphans)), make([]int32, len(orphans))
	for i := range orphans {
		firsts[i], below[i] = int32(orphans[i].First), int32(orphans[i].First+orphans[i].Count)
	}

	args["attempt"], args["firsts"], args["below"] = orphans[0].Attempt, firsts, below
	args["max_losses"] = state.MaxLosses
	args["lost_code"], args["lost_text"] = state.CodeWorkerLost, lostText

	progress, err := stageProgress(ctx, t, "lost_tasks", args)
	if err != nil {
		return 0, err
	}

	for i := range progress {
		effects.Queue(progress[i].queue)
		freed += progress[i].landed
	}

	return freed, advance(ctx, t, progress, effects)
}

func freeLostPlans(
	ctx context.Context, t tx, worker uuid.UUID, orphans []state.Orphan, effects *state.TransitionEffects,
) (freed int, err error) {
	rows, err := t.query(ctx, "lost_plans", orphanArgs(worker, orphans))
	if err != nil {
		return 0, err
	}

	var (
		raw           []byte
		id            int64
		kind          int16
		stage, losses int
		hopeless      []state.JobID
	)

	_, err = pgx.ForEachRow(rows, []any{&raw, &id, &kind, &stage, &losses}, func() error {
		freed++

		effects.Queue(state.QueueJobs)

		if losses >= state.MaxLosses && state.MessageKind(kind) != state.KindStop {
			hopeless = append(hopeless, state.JobID(raw))
		}

		return nil
	})
	if err != nil {
		return 0, err
	}

	for _, job := range hopeless {
		f := state.Failure{Code: state.CodeWorkerLost, Message: lostText}
		if err := failJob(ctx, t, job, f, effects); err != nil {
			return 0, err
		}
	}

	return freed, nil
}

// excuseTasks is the maximum number of tasks that one transaction of Rejoin
// looks at.
const excuseTasks = 5000

// Rejoin is for a process that lost its lease and lives. It releases what the
// worker still holds with no loss counted, and takes back the losses that
// others counted for it on what it held, which lost lists. excused is how many
// that were. It may be repeated, and cut off anywhere: each transaction is
// guarded by itself.
func (r *Repo) Rejoin(
	ctx context.Context, worker uuid.UUID, lost []state.ClaimedMessage,
) (excused int, effects state.TransitionEffects, err error) {
	effects, err = r.ReleaseWorker(ctx, worker)
	if err != nil {
		return 0, effects, err
	}

	tasks, others := lostRanges(lost)
	for len(tasks) > 0 {
		batch, n := 0, 0
		for batch < len(tasks) && (batch == 0 || n+tasks[batch].Count <= excuseTasks) {
			n += tasks[batch].Count
			batch++
		}

		count, err := r.one(ctx, "repo.Rejoin", "excuse_losses", rangeArgs(worker, tasks[:batch]))
		if err != nil {
			return excused, effects, err
		}

		excused += count
		tasks = tasks[batch:]
	}

	if len(others) == 0 {
		return excused, effects, nil
	}

	n, err := r.one(ctx, "repo.Rejoin", "excuse_plans", plainArgs(others))

	return excused + n, effects, err
}

// lostRanges sorts what was held by key, tasks in ranges that one statement can
// look at.
func lostRanges(lost []state.ClaimedMessage) (tasks, others []state.ClaimedMessage) {
	for _, h := range lost {
		if h.Kind != state.KindTasks {
			others = append(others, h)
			continue
		}

		for h.Count > excuseTasks {
			part := h
			part.Count = excuseTasks
			tasks = append(tasks, part)
			h.First += excuseTasks
			h.Count -= excuseTasks
		}

		tasks = append(tasks, h)
	}

	slices.SortFunc(tasks, func(a, b state.ClaimedMessage) int {
		return cmp.Or(
			a.JobID.Compare(b.JobID),
			cmp.Compare(a.Stage, b.Stage),
			cmp.Compare(a.Gen, b.Gen),
			cmp.Compare(a.First, b.First),
		)
	})
	slices.SortFunc(others, func(a, b state.ClaimedMessage) int {
		return cmp.Or(a.JobID.Compare(b.JobID), cmp.Compare(a.MessageID, b.MessageID))
	})

	return tasks, others
}

func rangeArgs(worker uuid.UUID, tasks []state.ClaimedMessage) namedArgs {
	n := len(tasks)
	jobs, stages, gens := make([][]byte, n), make([]int16, n), make([]int32, n)
	firsts, counts, attempts := make([]int32, n), make([]int32, n), make([]int32, n)

	for i := range tasks {
		h := &tasks[i]
		jobs[i], stages[i], gens[i] = h.JobID[:], int16(h.Stage), int32(h.Gen)
		firsts[i], counts[i], attempts[i] = int32(h.First), int32(h.Count), int32(h.Attempt)
	}

	return namedArgs{
		"worker":   worker,
		"job_ids":  jobs,
		"stages":   stages,
		"gens":     gens,
		"firsts":   firsts,
		"counts":   counts,
		"attempts": attempts,
	}
}

func plainArgs(others []state.ClaimedMessage) namedArgs {
	n := len(others)
	jobs, ids, attempts, losses := make([][]byte, n), make([]int64, n), make([]int32, n), make([]int32, n)

	for i := range others {
		h := &others[i]
		jobs[i], ids[i], attempts[i], losses[i] = h.JobID[:], h.MessageID, int32(h.Attempt), int32(h.Losses)
	}

	return namedArgs{"job_ids": jobs, "message_ids": ids, "attempts": attempts, "losses": losses}
}
