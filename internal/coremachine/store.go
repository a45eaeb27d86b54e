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
		batch []state.JobSpec,
		limit int,
		local state.LocalCapacity,
	) (outcomes []state.SubmitOutcome, effects state.TransitionEffects, err error)
	Rerun(
		ctx context.Context,
		g state.JobSpec,
		from []state.JobStatus,
		limit int,
	) (attempt int, landed bool, effects state.TransitionEffects, err error)
	JobState(ctx context.Context, id state.JobID) (state.JobState, error)
	Cancel(ctx context.Context, id state.JobID, by string) (c state.CancelState, effects state.TransitionEffects, err error)
	ForceCancel(ctx context.Context, id state.JobID, by string) (ended bool, effects state.TransitionEffects, err error)
	Retry(
		ctx context.Context,
		id state.JobID,
		by, traceparent string,
	) (res state.Retried, landed bool, effects state.TransitionEffects, err error)

	Claim(ctx context.Context, worker uuid.UUID, msgs []state.Message) ([]state.ClaimedMessage, error)
	Parked(ctx context.Context, after state.Message, most int) ([]state.Message, error)
	Claimable(ctx context.Context, msg state.Message) (bool, error)
	Defer(ctx context.Context, msg state.Message, delay time.Duration, resend bool) error
	BundleTasks(ctx context.Context, h state.ClaimedMessage) ([]state.BundleTask, error)
	Input(ctx context.Context, h state.ClaimedMessage, index int) ([]byte, error)
	Complete(ctx context.Context, local state.LocalCapacity, ends []state.TaskEnd) (state.TransitionEffects, error)
	Drop(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage) error
	Release(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		delay time.Duration,
		parkedFor string,
	) (state.TransitionEffects, error)
	ReleasePanicked(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, f state.Failure) (state.TransitionEffects, error)
	FailJob(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, f state.Failure) (state.TransitionEffects, error)
	Split(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, first, rest int) (state.TransitionEffects, error)

	ExpandRetry(
		ctx context.Context,
		worker uuid.UUID,
		h state.ClaimedMessage,
		first int,
	) (next, planned int, landed bool, err error)
	ExpandRetryEnd(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage) (state.TransitionEffects, error)
	PlanComputed(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, count int) (landed bool, err error)
	PlanInputs(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, inputs [][]byte) (landed bool, err error)
	PlanEnd(ctx context.Context, local state.LocalCapacity, h state.ClaimedMessage) (state.TransitionEffects, error)
	PlanSkip(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage) (state.TransitionEffects, error)
	PlanFail(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, f state.Failure) (state.TransitionEffects, error)
	Finish(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, result []byte) (state.TransitionEffects, error)
	FinishFail(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, f state.Failure) (state.TransitionEffects, error)

	StopState(ctx context.Context, id state.JobID) (s state.CancelProgress, found bool, err error)
	StopWork(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage, includeHeld bool) (n int, err error)
	StopEnd(ctx context.Context, worker uuid.UUID, h state.ClaimedMessage) (ended bool, effects state.TransitionEffects, err error)

	OpenLease(ctx context.Context, worker uuid.UUID, lease time.Duration, build, host string, pid int) error
	RenewLease(ctx context.Context, worker uuid.UUID, lease time.Duration) (alive bool, err error)
	ShareDurations(ctx context.Context, tell map[string]time.Duration) (told map[string]time.Duration, err error)
	Progress(ctx context.Context, worker uuid.UUID, reports []state.ProgressReport) error
	StoppingJobs(ctx context.Context, of []state.JobRef) ([]state.JobRef, error)
	ReleaseForgotten(
		ctx context.Context,
		worker uuid.UUID,
		known []state.Message,
		age time.Duration,
	) (n int, effects state.TransitionEffects, err error)
	Orphans(ctx context.Context, most int) ([]state.Orphan, error)
	ReclaimExpired(
		ctx context.Context,
		worker uuid.UUID,
		orphans []state.Orphan,
	) (freed int, effects state.TransitionEffects, err error)
	Rejoin(
		ctx context.Context,
		worker uuid.UUID,
		lost []state.ClaimedMessage,
	) (excused int, effects state.TransitionEffects, err error)
	ReleaseWorker(ctx context.Context, worker uuid.UUID) (state.TransitionEffects, error)

	SweepBegin(ctx context.Context) (id int64, err error)
	SweepBeginDue(ctx context.Context, every time.Duration) (id int64, ok bool, err error)
	SweepEnd(ctx context.Context, id int64, found state.SweepFound, problem string) error
	Resend(ctx context.Context, idle time.Duration) (int, state.TransitionEffects, error)
	RedriveDeadLetters(ctx context.Context) (int, state.TransitionEffects, error)
	IdleJobs(ctx context.Context) ([]state.JobID, error)
	Repair(ctx context.Context, id state.JobID) (state.TransitionEffects, error)
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
		h state.ClaimedMessage,
		index, part int,
		data []byte,
	) (state.PartFate, error)
}
