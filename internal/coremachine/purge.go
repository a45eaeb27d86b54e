package coremachine

import (
	"context"
	"fmt"
	"time"

	"coremachine/internal/state"
)

// Purger deletes jobs, superseded generations and old log lines, batch by batch.
type Purger interface {
	JobState(ctx context.Context, id state.JobID) (state.JobState, error)
	PurgeMark(ctx context.Context, id state.JobID) (incarnation int64, landed bool, err error)
	PurgeNext(ctx context.Context, most int) ([]state.JobRef, error)
	Purge(ctx context.Context, ref state.JobRef) (rows int, done bool, err error)
	Superseded(ctx context.Context, most int) ([]state.StageRef, error)
	PurgeSuperseded(ctx context.Context, ref state.StageRef) (rows int, done bool, err error)
	ExpireLogs(ctx context.Context, age time.Duration) (rows int, done bool, err error)
}

// purgeTime bounds how long one sweep deletes jobs, and supersededTime rows of
// past generations; the next continues.
const (
	purgeTime      = 20 * time.Second
	supersededTime = 10 * time.Second
	expireTime     = 5 * time.Second // the same for log lines
)

// purge deletes jobs that are marked, batch by batch, for a while.
func (m *Machine) purge(ctx context.Context) (n int, effects state.TransitionEffects, err error) {
	n, err = deleteBatches(ctx, purgeTime, m.store.PurgeNext, m.store.Purge)

	return n, effects, err
}

// purgeSuperseded deletes rows of past generations, batch by batch, for a
// while.
func (m *Machine) purgeSuperseded(ctx context.Context) (n int, effects state.TransitionEffects, err error) {
	n, err = deleteBatches(ctx, supersededTime, m.store.Superseded, m.store.PurgeSuperseded)

	return n, effects, err
}

// expireLogs deletes log lines of tasks that are too old, batch by batch, for a
// while.
func (m *Machine) expireLogs(ctx context.Context) (n int, effects state.TransitionEffects, err error) {
	n, err = deleteBatches(
		ctx,
		expireTime,
		func(context.Context, int) ([]time.Duration, error) { return []time.Duration{state.TaskLogAge}, nil },
		m.store.ExpireLogs,
	)

	return n, effects, err
}

// deleteBatches calls remove for each of at most 100 listed records until it is
// done, for at most limit, and returns the number of deleted rows.
func deleteBatches[T any](
	ctx context.Context,
	limit time.Duration,
	list func(ctx context.Context, most int) ([]T, error),
	remove func(ctx context.Context, ref T) (rows int, done bool, err error),
) (n int, err error) {
	end := time.Now().Add(limit)

	refs, err := list(ctx, 100)
	if err != nil {
		return 0, err
	}

	for _, ref := range refs {
		for done := false; !done; {
			if time.Now().After(end) {
				return n, nil
			}

			var rows int
			if rows, done, err = remove(ctx, ref); err != nil {
				return n, err
			}

			n += rows
		}
	}

	return n, nil
}

// Delete deletes a job that has ended, with all that it left. One that has not,
// or that is being deleted already, is an Error with CodeConflict. If it is cut
// off after the mark, the sweep continues.
func (m *Machine) Delete(ctx context.Context, id state.JobID) error {
	brief, err := m.store.JobState(ctx, id)
	if err != nil {
		return err
	}

	if brief.Deleting {
		return conflict("coremachine.Delete", "the job is already being deleted")
	}

	if !brief.Status.Ended() {
		return conflict(
			"coremachine.Delete",
			fmt.Sprintf("the job is %s; it can be deleted after it has ended", brief.Status),
		)
	}

	incarnation, landed, err := m.store.PurgeMark(ctx, id)
	if err != nil {
		return err
	}

	if !landed {
		return conflict("coremachine.Delete", "another request started or deleted the job")
	}

	for {
		_, done, err := m.store.Purge(ctx, state.JobRef{JobID: id, Incarnation: incarnation})
		if err != nil || done {
			return err
		}
	}
}
