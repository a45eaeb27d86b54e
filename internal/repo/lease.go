package repo

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// OpenLease makes a worker's heartbeat row.
func (r *Repo) OpenLease(ctx context.Context, worker uuid.UUID, lease time.Duration, build, host string, pid int) error {
	_, err := r.one(ctx, "repo.OpenLease", "lease_open", namedArgs{
		"worker": worker, "lease": lease.Seconds(), "build": build, "host": host, "pid": pid,
	})
	return err
}

// RenewLease keeps a worker alive for lease more; alive is false when its lease has ended, for good.
func (r *Repo) RenewLease(ctx context.Context, worker uuid.UUID, lease time.Duration) (alive bool, err error) {
	n, err := r.one(ctx, "repo.RenewLease", "lease_renew", namedArgs{"worker": worker, "lease": lease.Seconds()})
	return n > 0, err
}

// SharePaces tells other processes how long tasks of these types take as a rule, and returns what was told of all types before.
func (r *Repo) SharePaces(ctx context.Context, tell map[string]time.Duration) (told map[string]time.Duration, err error) {
	types, nanos := make([]string, 0, len(tell)), make([]int64, 0, len(tell))
	for name, took := range tell {
		types, nanos = append(types, name), append(nanos, took.Nanoseconds())
	}
	told = map[string]time.Duration{}
	err = r.single(ctx, "repo.SharePaces", "share_paces", namedArgs{"task_types": types, "nanos": nanos}, func(rows pgx.Rows) error {
		var name string
		var took int64
		_, err := pgx.ForEachRow(rows, []any{&name, &took}, func() error {
			told[name] = time.Duration(took)
			return nil
		})
		return err
	})
	return told, err
}

// Progress stores what running handlers report, by message: JSON that maps an index to a fraction and a note.
func (r *Repo) Progress(ctx context.Context, worker uuid.UUID, reports []state.ProgressReport) error {
	n := len(reports)
	jobs, ids, attempts, texts := make([][]byte, n), make([]int64, n), make([]int32, n), make([]string, n)
	for i := range reports {
		p := &reports[i]
		jobs[i], ids[i], attempts[i], texts[i] = p.JobID[:], p.MessageID, int32(p.Attempt), string(p.JSON)
	}
	_, err := r.one(ctx, "repo.Progress", "progress", namedArgs{
		"worker": worker, "job_ids": jobs, "message_ids": ids, "attempts": attempts, "progress": texts,
	})
	return err
}

// StoppingJobs lists which of these jobs were told to stop; those that have ended by it too.
func (r *Repo) StoppingJobs(ctx context.Context, of []state.JobID) ([]state.JobID, error) {
	ids := make([][]byte, len(of))
	for i := range of {
		ids[i] = of[i][:]
	}
	return r.jobIDs(ctx, "repo.StoppingJobs", "stopping_jobs", namedArgs{"job_ids": ids})
}

const lostBatch = 500

// FreeLost frees a batch of work whose holder's lease has ended. Tasks lose a worker each; the rest goes back to its queue,
// and a plan or a result that has lost too many workers fails its job.
func (r *Repo) FreeLost(ctx context.Context) (freed int, moved state.Moved, err error) {
	err = r.inTx(ctx, "repo.FreeLost", func(t tx) error {
		freed, moved = 0, state.Moved{}
		progress, err := stageProgress(ctx, t, "lost_tasks", namedArgs{
			"most": lostBatch, "max_losses": state.MaxLosses, "lost_code": state.CodeWorkerLost, "lost_text": lostText,
		})
		if err != nil {
			return err
		}
		for i := range progress {
			moved.Queue(progress[i].queue)
			freed += progress[i].landed
		}
		return advance(ctx, t, progress, &moved)
	})
	if err != nil {
		return 0, state.Moved{}, err
	}
	n, plans, err := r.freeLostPlans(ctx)
	moved.Add(plans)
	return freed + n, moved, err
}

const lostText = "the process that ran it went away, five times"

func (r *Repo) freeLostPlans(ctx context.Context) (freed int, moved state.Moved, err error) {
	err = r.inTx(ctx, "repo.FreeLost", func(t tx) error {
		freed, moved = 0, state.Moved{}
		rows, err := t.query(ctx, "lost_plans", namedArgs{"most": lostBatch})
		if err != nil {
			return err
		}
		var raw []byte
		var id int64
		var kind int16
		var stage, losses int
		var hopeless []state.JobID
		_, err = pgx.ForEachRow(rows, []any{&raw, &id, &kind, &stage, &losses}, func() error {
			freed++
			moved.Queue(state.QueueJobs)
			if losses >= state.MaxLosses && state.MessageKind(kind) != state.KindStop {
				hopeless = append(hopeless, state.JobID(raw))
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, job := range hopeless {
			f := state.Failure{Code: state.CodeWorkerLost, Message: lostText}
			if err := failJob(ctx, t, job, f, &moved); err != nil {
				return err
			}
		}
		return nil
	})
	return freed, moved, err
}
