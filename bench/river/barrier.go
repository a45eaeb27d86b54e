package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	//go:embed queries/full.sql
	fullText string
	//go:embed queries/advance.sql
	advanceText string
)

// poller is the durable barrier.
type poller struct {
	engine *engine
	cancel context.CancelFunc
	loop   sync.WaitGroup
}

type full struct {
	ID    int64
	Stage int
	N     int
}

func startPoller(ctx context.Context, e *engine) *poller {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &poller{engine: e, cancel: cancel}
	p.loop.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := p.look(ctx); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "the barrier:", err) // the next poll tries again
			}
		}
	})
	return p
}

func (p *poller) look(ctx context.Context) error {
	rows, err := p.engine.pool.Query(ctx, fullText)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[full])
	if err != nil {
		return err
	}
	for _, f := range all {
		if err := p.engine.advance(ctx, f.ID, f.Stage, f.N); err != nil {
			return err
		}
	}
	return nil
}

// advance runs the guarded UPDATE and inserts the next stage's jobs in one
// transaction.
func (e *engine) advance(ctx context.Context, run int64, stage, n int) error {
	tx, err := e.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // no effect after a commit
	tag, err := tx.Exec(ctx, advanceText, run, stage)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	if stage == 0 {
		if err := e.insert(ctx, tx, run, 1, n); err != nil {
			return err
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	if stage == 1 {
		e.ended(run)
	}
	return nil
}

func (p *poller) done(context.Context, args) error { return nil }

func (p *poller) stop() {
	p.cancel()
	p.loop.Wait()
}

// elsewhere is the barrier of a joined process: the first process polls.
type elsewhere struct{}

func (elsewhere) done(context.Context, args) error { return nil }
func (elsewhere) stop()                            {}

// counter is the barrier in memory.
type counter struct {
	engine *engine
	mu     sync.Mutex
	left   map[int64]int // tasks left, by run and stage, of the stages that have started
}

func (c *counter) done(ctx context.Context, a args) error {
	key := 2*a.Run + int64(a.Stage)
	c.mu.Lock()
	if _, ok := c.left[key]; !ok {
		c.left[key] = a.N
	}
	c.left[key]--
	last := c.left[key] == 0
	c.mu.Unlock()
	if !last {
		return nil
	}
	return c.engine.advance(ctx, a.Run, a.Stage, a.N)
}

func (c *counter) stop() {}
