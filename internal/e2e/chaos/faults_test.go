package chaos

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"
)

// fault is one thing that can be broken.
type fault struct {
	name string
	do   func(*cluster, *rand.Rand)
	slow bool // it takes longer than a short run
	bus  bool // only over Service Bus
}

var faults = []fault{
	{name: "handler killed", do: func(c *cluster, _ *rand.Rand) {
		if pid := c.host.handler.Load(); pid > 0 {
			_ = syscall.Kill(int(pid), syscall.SIGKILL) // its host starts the next
		}
	}},
	{name: "worker killed", do: func(c *cluster, r *rand.Rand) {
		i := r.IntN(len(c.workers))
		c.workers[i].kill()
		c.workers[i] = nil
	}},
	{name: "host killed", do: func(c *cluster, _ *rand.Rand) {
		c.host.kill()
		c.host = nil
	}},
	{name: "relay killed", bus: true, do: func(c *cluster, _ *rand.Rand) {
		c.relay.kill()
		c.relay = nil
	}},
	{name: "Postgres crashed", do: func(c *cluster, r *rand.Rand) {
		if err := c.server.Kill(); err != nil {
			c.t.Error(err)
		}
		pause(time.Duration(r.IntN(3000)) * time.Millisecond)
		if err := c.server.Restart(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}},
	{name: "connections to Postgres cut", do: func(c *cluster, _ *rand.Rand) {
		ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
		defer cancel()
		_, _ = c.pool.Exec(ctx, `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and application_name = 'coremachine'`)
	}},
	{name: "connections to Service Bus cut", bus: true, do: func(c *cluster, _ *rand.Rand) { c.broker.DropConnections() }},
	{name: "worker stopped over its lease", slow: true, do: func(c *cluster, r *rand.Rand) {
		w := c.workers[r.IntN(len(c.workers))].cmd.Process
		_ = w.Signal(syscall.SIGSTOP)
		pause(16*time.Second + time.Duration(r.IntN(4000))*time.Millisecond)
		_ = w.Signal(syscall.SIGCONT)
	}},
	{name: "sweep run", do: func(c *cluster, _ *rand.Rand) {
		ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
		defer cancel()
		_, _ = c.machine.Sweep(ctx)
	}},
}

func pause(d time.Duration) { <-time.After(d) }

// breakThings breaks one thing after another, in an order drawn anew each round, and mends it after a while.
func (c *cluster) breakThings(r *rand.Rand, until time.Time, short bool) (done map[string]int) {
	done = map[string]int{}
	for time.Now().Before(until) {
		for _, i := range r.Perm(len(faults)) {
			f := faults[i]
			if f.bus && c.broker == nil || f.slow && short {
				continue
			}
			f.do(c, r)
			done[f.name]++
			pause(time.Duration(200+r.IntN(1500)) * time.Millisecond)
			c.startMissing()
			pause(time.Duration(200+r.IntN(2000)) * time.Millisecond)
			if time.Now().After(until) {
				break
			}
		}
	}
	return done
}
