package chaos

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"
)

// damage counts faults by name.
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

// Names of faults.
const (
	faultCrash   = "Postgres crashed"
	faultCut     = "connections to Postgres cut"
	faultFreeze  = "connections to Postgres dead without being closed"
	faultBusCut  = "connections to Service Bus cut"
	faultSuspend = "worker suspended for longer than its lease"
	sweepRun     = "sweep run"
)

func pause(d time.Duration) { <-time.After(d) }

// between returns a random duration.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// rest waits for d, but not longer than until, and reports whether there is
// time left.
func rest(d time.Duration, until time.Time) bool {
	pause(min(d, time.Until(until)))
	return time.Now().Before(until)
}

// injectFaults injects several kinds of faults concurrently, each in an order
// that the seed determines. It returns after all of them are repaired.
func (c *cluster) injectFaults(seed uint64, until time.Time, short bool) {
	var all sync.WaitGroup

	for i, one := range []func(*rand.Rand, time.Time){
		c.killProcesses, c.crashPostgres, c.cutConnections, c.suspendWorkers, c.freezeConnections,
	} {
		if i == 3 && short {
			continue
		}

		all.Go(func() { one(rand.New(rand.NewPCG(seed, uint64(i+2))), until) })
	}

	all.Wait()
}

// crashPostgres kills the server and restarts it soon.
func (c *cluster) crashPostgres(r *rand.Rand, until time.Time) {
	next := between(r, 3*time.Second, 9*time.Second) // a short run needs one crash
	for ; rest(next, until); next = between(r, 8*time.Second, 18*time.Second) {
		if err := c.server.Kill(); err != nil {
			c.t.Error(err)
			return
		}

		c.damage.add(faultCrash)
		c.readServerLog()
		pause(between(r, 0, 1500*time.Millisecond))

		if err := c.server.Restart(context.WithoutCancel(c.t.Context())); err != nil {
			c.t.Error(err)
			return
		}
	}
}

// freezeConnections simulates a device between one worker and Postgres that
// loses all flows: the connections stay open, and nothing arrives at the other
// end.
func (c *cluster) freezeConnections(r *rand.Rand, until time.Time) {
	next := between(r, 2*time.Second, 8*time.Second) // early enough for a short run
	for ; rest(next, until); next = between(r, 15*time.Second, 25*time.Second) {
		if c.proxy.Freeze() > 0 {
			c.damage.add(faultFreeze)
		}
	}
}

// cutConnections cuts connections to Postgres or to the broker, and runs sweeps
// in between.
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
		const terminate = `select pg_terminate_backend(pid) from pg_stat_activity where application_name like $1`

		if _, err := c.pool.Exec(ctx, terminate, appName+"%"); err == nil {
			c.damage.add(faultCut)
		}
	case which == 1 && c.broker != nil:
		c.broker.DropConnections()
		c.damage.add(faultBusCut)
	default:
		if _, err := c.machine.Sweep(ctx); err == nil {
			c.damage.add(sweepRun)
		}
	}
}

// suspendWorkers suspends one worker after another for longer than its lease,
// and resumes it.
func (c *cluster) suspendWorkers(r *rand.Rand, until time.Time) {
	for {
		d := between(r, 16*time.Second, 20*time.Second)
		if time.Now().Add(d).After(until) {
			return
		}

		s := c.lockSlot(r, roleWorker)
		if s == nil {
			pause(100 * time.Millisecond)
			continue
		}

		_ = s.p.cmd.Process.Signal(syscall.SIGSTOP)

		pause(d)

		_ = s.p.cmd.Process.Signal(syscall.SIGCONT)
		s.taken.Unlock()
		c.damage.add(faultSuspend)
		pause(between(r, 2*time.Second, 8*time.Second))
	}
}

// lockSlot locks a random slot of a role that no other fault uses. If pids are
// given, the slot must run one of them. It returns nil if there is none.
func (c *cluster) lockSlot(r *rand.Rand, role string, pids ...int) *slot {
	for _, i := range r.Perm(len(c.slots)) {
		s := c.slots[i]
		if s.role != role || !s.taken.TryLock() {
			continue
		}
		if len(pids) == 0 || slices.Contains(pids, s.p.workerPID()) {
			return s
		}
		s.taken.Unlock()
	}

	return nil
}
