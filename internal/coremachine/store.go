package coremachine

import (
	"context"
	"iter"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/state"
)

// Store is the storage that the engine needs. internal/repo is it; tests put a
// fault-injecting one before it. Every method that changes state is one
// transaction, and may be repeated blindly after a lost answer.
type Store interface {
	Submit(
		ctx context.Context,
		batch []state.Graph,
		limit int,
		here state.Here,
	) (outcomes []state.SubmitOutcome, moved state.Moved, err error)
	Rerun(
		ctx context.Context,
		g state.Graph,
		from []state.JobStatus,
		limit int,
	) (attempt int, landed bool, moved state.Moved, err error)
	Brief(ctx context.Context, id state.JobID) (state.JobBrief, error)
	Cancel(ctx context.Context, id state.JobID, by string) (c state.CancelState, moved state.Moved, err error)
	ForceCancel(ctx context.Context, id state.JobID, by string) (ended bool, moved state.Moved, err error)
	Retry(
		ctx context.Context,
		id state.JobID,
		by, traceparent string,
	) (res state.Retried, landed bool, moved state.Moved, err error)

	Claim(ctx context.Context, worker uuid.UUID, msgs []state.Message) ([]state.Held, error)
	Parked(ctx context.Context, after state.Message, most int) ([]state.Message, error)
	Claimable(ctx context.Context, msg state.Message) (bool, error)
	Defer(ctx context.Context, msg state.Message, delay time.Duration, resend bool) error
	Covered(ctx context.Context, h state.Held) ([]state.Covered, error)
	Input(ctx context.Context, h state.Held, index int) ([]byte, error)
	Complete(ctx context.Context, here state.Here, ends []state.TaskEnd) (state.Moved, error)
	Drop(ctx context.Context, worker uuid.UUID, h state.Held) error
	Release(
		ctx context.Context,
		worker uuid.UUID,
		h state.Held,
		delay time.Duration,
		parkedFor string,
	) (state.Moved, error)
	ReleasePanicked(ctx context.Context, worker uuid.UUID, h state.Held, f state.Failure) (state.Moved, error)
	FailJob(ctx context.Context, worker uuid.UUID, h state.Held, f state.Failure) (state.Moved, error)
	HandBack(ctx context.Context, worker uuid.UUID, h state.Held, first, rest int) (state.Moved, error)

	Reopen(
		ctx context.Context,
		worker uuid.UUID,
		h state.Held,
		first int,
	) (next, planned int, landed bool, err error)
	ReopenEnd(ctx context.Context, worker uuid.UUID, h state.Held) (state.Moved, error)
	PlanPure(ctx context.Context, worker uuid.UUID, h state.Held, count int) (landed bool, err error)
	PlanInputs(ctx context.Context, worker uuid.UUID, h state.Held, inputs [][]byte) (landed bool, err error)
	PlanEnd(ctx context.Context, here state.Here, h state.Held) (state.Moved, error)
	PlanSkip(ctx context.Context, worker uuid.UUID, h state.Held) (state.Moved, error)
	PlanFail(ctx context.Context, worker uuid.UUID, h state.Held, f state.Failure) (state.Moved, error)
	Finish(ctx context.Context, worker uuid.UUID, h state.Held, result []byte) (state.Moved, error)
	FinishFail(ctx context.Context, worker uuid.UUID, h state.Held, f state.Failure) (state.Moved, error)

	StopState(ctx context.Context, id state.JobID) (s state.Stopping, found bool, err error)
	StopWork(ctx context.Context, worker uuid.UUID, h state.Held, includeHeld bool) (n int, err error)
	StopEnd(ctx context.Context, worker uuid.UUID, h state.Held) (ended bool, moved state.Moved, err error)

	OpenLease(ctx context.Context, worker uuid.UUID, lease time.Duration, build, host string, pid int) error
	RenewLease(ctx context.Context, worker uuid.UUID, lease time.Duration) (alive bool, err error)
	SharePaces(ctx context.Context, tell map[string]time.Duration) (told map[string]time.Duration, err error)
	Progress(ctx context.Context, worker uuid.UUID, reports []state.ProgressReport) error
	StoppingJobs(ctx context.Context, of []state.JobID) ([]state.JobID, error)
	ReleaseForgotten(
		ctx context.Context,
		worker uuid.UUID,
		known []state.Message,
		age time.Duration,
	) (n int, moved state.Moved, err error)
	Orphans(ctx context.Context, most int) ([]state.Orphan, error)
	FreeLost(
		ctx context.Context,
		worker uuid.UUID,
		orphans []state.Orphan,
	) (freed int, moved state.Moved, err error)
	Rejoin(
		ctx context.Context,
		worker uuid.UUID,
		lost []state.Held,
	) (excused int, moved state.Moved, err error)
	ReleaseWorker(ctx context.Context, worker uuid.UUID) (state.Moved, error)

	SweepBegin(ctx context.Context) (id int64, err error)
	SweepBeginDue(ctx context.Context, every time.Duration) (id int64, ok bool, err error)
	SweepEnd(ctx context.Context, id int64, found state.SweepFound, problem string) error
	Resend(ctx context.Context, idle time.Duration) (int, state.Moved, error)
	ReviveDead(ctx context.Context) (int, state.Moved, error)
	IdleJobs(ctx context.Context) ([]state.JobID, error)
	Repair(ctx context.Context, id state.JobID) (state.Moved, error)
	PurgeMark(ctx context.Context, id state.JobID) (incarnation int64, landed bool, err error)
	PurgeOld(ctx context.Context, retention time.Duration, most int) (int, error)
	PurgeNext(ctx context.Context, most int) ([]state.JobRef, error)
	Purge(ctx context.Context, ref state.JobRef) (rows int, done bool, err error)
	Superseded(ctx context.Context, most int) ([]state.StageRef, error)
	PurgeSuperseded(ctx context.Context, ref state.StageRef) (rows int, done bool, err error)
	Touch(ctx context.Context, id state.JobID) (landed bool, err error)
	Full(ctx context.Context, most int) (full bool, err error)

	Job(ctx context.Context, id state.JobID) (jobType string, params []byte, err error)
	Predecessors(ctx context.Context, ranges []state.ResultRange) ([]state.ResultPage, error)
	Results(ctx context.Context, id state.JobID, declared state.StageShape) iter.Seq2[state.StoredPart, error]
	EmitPart(
		ctx context.Context,
		worker uuid.UUID,
		h state.Held,
		index, part int,
		data []byte,
	) (state.PartFate, error)
}
