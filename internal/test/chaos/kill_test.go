package chaos

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Names of faults of killed processes. The database shows whether a process had
// tasks, or a transaction that had written.
const (
	killedWithTasks = "  of these with running tasks"
	killedInTx      = "  of these inside a transaction"
	killedInOutage  = "  of these while Postgres was unavailable"
)

// roles in the order in which their processes are killed.
var roles = []string{roleHandler, roleWorker, roleHost, roleRelay}

// kills returns the number of killed processes.
func (d *damage) kills() (sum int) {
	for _, role := range roles {
		sum += d.of(killed(role))
	}

	return sum
}

// killed returns the name under which the kills of a role are counted.
func killed(role string) string { return role + " killed" }

const (
	patience   = time.Second // maximum wait for a process in the right situation
	eachLook   = 15 * time.Millisecond
	everyNthTx = 4 // every n-th kill must hit a transaction
)

// killEvery leaves time for the next process to start and claim work, while the
// work of the last one waits for its lease to expire.
const killEvery = 1200 * time.Millisecond

// killProcesses kills handlers, workers, hosts and relays in turn, concurrently
// with all other faults.
func (c *cluster) killProcesses(r *rand.Rand, until time.Time) {
	var restarts sync.WaitGroup
	defer restarts.Wait()

	roles := roles
	if c.broker == nil {
		roles = roles[:3]
	}

	tick := time.NewTicker(killEvery)
	defer tick.Stop()

	for turn := 0; time.Now().Before(until); turn++ {
		role := roles[turn%len(roles)]

		delay := between(r, 0, 500*time.Millisecond)
		if s := c.strike(r, role, (turn/len(roles))%everyNthTx == 0); s != nil {
			restarts.Go(func() {
				defer s.taken.Unlock()

				if role == roleHandler {
					return // its host starts the next one
				}

				s.p.kill() // the process is dead: this waits for its output
				pause(delay)

				s.p = c.spawn(s)
			})
		}

		<-tick.C
	}
}

// strike kills a process of a role while it has tasks and, if inTx is set, in
// the middle of a transaction. If no process gets there in time, strike kills
// any process of the role. It returns the locked slot of the dead process, or
// nil if there was none.
func (c *cluster) strike(r *rand.Rand, role string, inTx bool) *slot {
	inRole := role
	if role == roleHandler {
		inRole = roleHost
	}

	var (
		s *slot
		d doing
	)
	if role != roleRelay {
		s, d = c.catch(r, inRole, inTx)
	}

	if s == nil {
		if s = c.lockSlot(r, inRole); s == nil {
			return nil
		}

		d = c.look(s.p.workerPID())
	}

	pid := s.p.workerPID()
	if role == roleHandler {
		if pid == 0 || syscall.Kill(pid, syscall.SIGKILL) != nil {
			s.taken.Unlock()
			return nil
		}

		s.p.handler.CompareAndSwap(int64(pid), 0)
	} else {
		_ = s.p.cmd.Process.Kill() // a handler ends with its host
	}

	c.damage.add(killed(role))

	for name, is := range map[string]bool{killedWithTasks: d.tasks, killedInTx: d.tx, killedInOutage: d.away} {
		if is {
			c.damage.add(name)
		}
	}

	return s
}

// catch suspends a process in the middle of its work and returns what it was
// doing. It returns nil if it found none in time.
func (c *cluster) catch(r *rand.Rand, inRole string, inTx bool) (*slot, doing) {
	for limit := time.Now().Add(patience); time.Now().Before(limit); pause(eachLook) {
		busy, err := c.busy()
		if err != nil {
			return nil, doing{}
		}

		if len(busy) == 0 {
			continue
		}

		s := c.lockSlot(r, inRole, busy...)
		if s == nil {
			continue
		}

		pid := s.p.workerPID()
		if pid == 0 { // its handler has exited; 0 would signal this process
			s.taken.Unlock()
			continue
		}

		if inTx {
			_ = syscall.Kill(pid, syscall.SIGUSR1)
		}

		for {
			_ = syscall.Kill(pid, syscall.SIGSTOP) // so that it cannot proceed past the state that the database shows

			d := c.look(pid)
			if d.tx || d.away || d.tasks && !inTx || inTx && time.Now().After(limit) {
				return s, d
			}

			_ = syscall.Kill(pid, syscall.SIGCONT)

			if !inTx {
				break
			}

			pause(eachLook)
		}
		s.taken.Unlock()
	}

	return nil, doing{}
}

// doing is what the database shows about a process.
type doing struct {
	tasks bool // it has claimed tasks
	tx    bool // it has an open transaction that has written
	away  bool // the database did not respond
}

func (c *cluster) look(pid int) (d doing) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()

	err := c.pool.QueryRow(ctx, `
		select
		  exists (
		    select from messages m join workers w using (worker_id)
		    where w.pid = $1 and w.lease_until > now() and m.kind = 2),
		  exists (
		    select from pg_stat_activity
		    where application_name = $2 and state = 'idle in transaction' and backend_xid is not null)`,
		pid, appName+strconv.Itoa(pid)).Scan(&d.tasks, &d.tx)
	d.away = err != nil

	return d
}

// busy lists the processes that have claimed tasks.
func (c *cluster) busy() ([]int, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()

	rows, err := c.pool.Query(ctx, `
		select w.pid from workers w
		where w.lease_until > now()
		  and exists (select from messages m where m.worker_id = w.worker_id and m.kind = 2)`)
	if err != nil {
		return nil, err
	}

	return pgx.CollectRows(rows, pgx.RowTo[int])
}
