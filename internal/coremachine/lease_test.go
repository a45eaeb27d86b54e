package coremachine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/coremachine"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
)

// leaselessStore fails to open a lease for a while.
type leaselessStore struct {
	coremachine.Store
	refusing atomic.Bool
}

func (s *leaselessStore) OpenLease(
	ctx context.Context,
	worker uuid.UUID,
	lease time.Duration,
	build, host string,
	pid int,
) error {
	if s.refusing.Load() {
		return errConnectionLost
	}

	return s.Store.OpenLease(ctx, worker, lease, build, host, pid)
}

// TestMessagesSurviveProcessWithoutLease delivers work to a process that cannot
// claim it yet. The messages must not become dead letters.
func TestMessagesSurviveProcessWithoutLease(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestMessagesSurviveProcessWithoutLease) {
		return
	}

	store := &leaselessStore{}
	store.refusing.Store(true)

	e := start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"one": jobOf(define.Stage[params]{Name: "only", Tasks: dynamic()}),
		},
		Handlers: handlersOf(echo),
		Config:   func(c *coremachine.Config) { store.Store, c.Store = c.Store, store },
		NoLease:  true,
	})
	id := e.Submit("one", `{"n":3}`)

	until(t, "its messages were delivered several times", func() bool {
		return query(t, e, `select min(deliveries) from messages where job_id = $1`, id[:]) > 3
	})
	time.AfterFunc(time.Second, func() { store.refusing.Store(false) })
	e.Wait(id).MustBe(t, state.JobCompleted)
	mustCount(t, e, 3, `select count(*) from tasks where attempt = 1`)
}
