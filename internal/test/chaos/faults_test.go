package chaos

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"
)

// damage counts what was broken, by name.
type damage struct {
	mu sync.Mutex
	n  map[string]int
}

func (d *damage) add(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()

	if d.n == nil {
		d.n = map[string]int{}
	}

	d.n[name]++
}

func (d *damage) of(names ...string) (sum int) {
	d.mu.Lock()
	defer d.mu.Unlock()

	for _, name := range names {
		sum += d.n[name]
	}

	return sum
}

// Names of what is counted.
const (
	hurtCrash = "Postgres crashed"
	hurtCut   = "connections to Postgres cut"
	hurtBus   = "connections to Service Bus cut"
	hurtStop  = "worker stopped over its lease"
	hurtSweep = "sweep run"
)

func pause(d time.Duration) { <-time.After(d) }

// between draws a time.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// rest waits for d, no longer than until, and tells whether there is time left.
func rest(d time.Duration, until time.Time) bool {
	pause(min(d, time.Until(until)))
	return time.Now().Before(until)
}

// breakThings breaks at several places at once, each in an order of its own
// that the seed decides, and returns when everything is mended.
func (c *cluster) breakThings(seed uint64, until time.Time, short bool) {
	var all sync.WaitGroup

	for i, one := range []func(*rand.Rand, time.Time){c.killProcesses, c.crashPostgres, c.cutConnections, c.stopWorkers} {
		if i == 3 && short {
			continue
		}

		all.Go(func() { one(rand.New(rand.NewPCG(seed, uint64(i+2))), until) })
	}

	all.Wait()
}

// crashPostgres ends the server as a crash does, and brings it back soon.
func (c *cluster) crashPostgres(r *rand.Rand, until time.Time) {
	next := between(r, 3*time.Second, 9*time.Second) // a short run is to have one
	for ; rest(next, until); next = between(r, 8*time.Second, 18*time.Second) {
		if err := c.server.Kill(); err != nil {
			c.t.Error(err)
			return
		}

		c.hurt.add(hurtCrash)
		c.readServerLog()
		pause(between(r, 0, 1500*time.Millisecond))

		if err := c.server.Restart(context.WithoutCancel(c.t.Context())); err != nil {
			c.t.Error(err)
			return
		}
	}
}

// cutConnections cuts them at either end, and between cuts runs sweeps.
func (c *cluster) cutConnections(r *rand.Rand, until time.Time) {
	for rest(between(r, time.Second, 5*time.Second), until) {
		c.cut(r.IntN(3))
	}
}

func (c *cluster) cut(which int) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()

	switch {
	case which == 0:
		if _, err := c.pool.Exec(
			ctx,
			`select pg_terminate_backend(pid) from pg_stat_activity where application_name like $1`,
			appName+"%",
		); err == nil {
			c.hurt.add(hurtCut)
		}
	case which == 1 && c.broker != nil:
		c.broker.DropConnections()
		c.hurt.add(hurtBus)
	default:
		if _, err := c.machine.Sweep(ctx); err == nil {
			c.hurt.add(hurtSweep)
		}
	}
}

// stopWorkers stops one worker after another for longer than its lease and lets
// it go on.
func (c *cluster) stopWorkers(r *rand.Rand, until time.Time) {
	for {
		d := between(r, 16*time.Second, 20*time.Second)
		if time.Now().Add(d).After(until) {
			return
		}

		s := c.sit(r, roleWorker)
		if s == nil {
			pause(100 * time.Millisecond)
			continue
		}

		_ = s.p.cmd.Process.Signal(syscall.SIGSTOP)

		pause(d)

		_ = s.p.cmd.Process.Signal(syscall.SIGCONT)
		s.taken.Unlock()
		c.hurt.add(hurtStop)
		pause(between(r, 2*time.Second, 8*time.Second))
	}
}

// sit takes a seat of a role that nobody else breaks, at random, where there
// are pids one of theirs; nil: there is none.
func (c *cluster) sit(r *rand.Rand, role string, pids ...int) *seat {
	for _, i := range r.Perm(len(c.seats)) {
		s := c.seats[i]
		if s.role != role || !s.taken.TryLock() {
			continue
		}
		if len(pids) == 0 || slices.Contains(pids, s.p.works()) {
			return s
		}
		s.taken.Unlock()
	}

	return nil
}
