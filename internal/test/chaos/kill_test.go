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

// Names of what is counted of kills. The database says whether a process had
// tasks, or a transaction that had written.
const (
	hurtTasks = "  of these with running tasks"
	hurtTx    = "  of these inside a transaction"
	hurtAway  = "  of these while Postgres was away"
)

// roles in the order in which they are killed.
var roles = []string{roleHandler, roleWorker, roleHost, roleRelay}

// kills is how many processes were killed.
func (d *damage) kills() (sum int) {
	for _, role := range roles {
		sum += d.of(killed(role))
	}

	return sum
}

// killed is the name under which the kills of a role are counted.
func killed(role string) string { return role + " killed" }

const (
	patience   = time.Second // to wait for a process that does what it is to be killed at
	eachLook   = 15 * time.Millisecond
	everyNthTx = 4 // kill is to meet a transaction
)

// killEvery leaves time to start the next process and have it claim work, while
// the last one's waits for its lease to end.
const killEvery = 1200 * time.Millisecond

// killProcesses kills handler, worker, host and relay in turn, whatever else
// goes on.
func (c *cluster) killProcesses(r *rand.Rand, until time.Time) {
	var mending sync.WaitGroup
	defer mending.Wait()

	roles := roles
	if c.broker == nil {
		roles = roles[:3]
	}

	tick := time.NewTicker(killEvery)
	defer tick.Stop()

	for turn := 0; time.Now().Before(until); turn++ {
		role := roles[turn%len(roles)]

		mend := between(r, 0, 500*time.Millisecond)
		if s := c.strike(r, role, (turn/len(roles))%everyNthTx == 0); s != nil {
			mending.Go(func() {
				defer s.taken.Unlock()

				if role == roleHandler {
					return // its host starts the next
				}

				s.p.kill() // it is dead: this waits for its output
				pause(mend)

				s.p = c.spawn(s)
			})
		}

		<-tick.C
	}
}

// strike kills a process of a role while it has tasks, and where asked for in
// the middle of a transaction; one that is not seen at that for a while is
// killed whatever it does. The process that is returned is dead and its seat
// taken; nil: there was none.
func (c *cluster) strike(r *rand.Rand, role string, inTx bool) *seat {
	sits := role
	if role == roleHandler {
		sits = roleHost
	}

	var (
		s *seat
		d doing
	)
	if role != roleRelay {
		s, d = c.catch(r, sits, inTx)
	}

	if s == nil {
		if s = c.sit(r, sits); s == nil {
			return nil
		}

		d = c.look(s.p.works())
	}

	pid := s.p.works()
	if role == roleHandler {
		if pid == 0 || syscall.Kill(pid, syscall.SIGKILL) != nil {
			s.taken.Unlock()
			return nil
		}

		s.p.handler.CompareAndSwap(int64(pid), 0)
	} else {
		_ = s.p.cmd.Process.Kill() // a handler goes with its host
	}

	c.hurt.add(killed(role))

	for name, is := range map[string]bool{hurtTasks: d.tasks, hurtTx: d.tx, hurtAway: d.away} {
		if is {
			c.hurt.add(name)
		}
	}

	return s
}

// catch stops a process in the midst of its work and returns what it is at;
// nil: none was met in time.
func (c *cluster) catch(r *rand.Rand, sits string, inTx bool) (*seat, doing) {
	for limit := time.Now().Add(patience); time.Now().Before(limit); pause(eachLook) {
		busy, err := c.busy()
		if err != nil {
			return nil, doing{}
		}

		if len(busy) == 0 {
			continue
		}

		s := c.sit(r, sits, busy...)
		if s == nil {
			continue
		}

		pid := s.p.works()
		if pid == 0 { // its handler has gone by itself; 0 would signal ourselves
			s.taken.Unlock()
			continue
		}

		if inTx {
			_ = syscall.Kill(pid, syscall.SIGUSR1)
		}

		for {
			_ = syscall.Kill(pid, syscall.SIGSTOP) // so that it still is what the database says

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

// doing is what the database knows of a process.
type doing struct {
	tasks bool // it has tasks
	tx    bool // it has a transaction that has written and not ended
	away  bool // the database did not answer
}

func (c *cluster) look(pid int) (d doing) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()

	err := c.pool.QueryRow(ctx, `
		select exists (select from messages m join workers w using (worker_id) where w.pid = $1 and w.lease_until > now() and m.kind = 2),
		       exists (select from pg_stat_activity where application_name = $2 and state = 'idle in transaction' and backend_xid is not null)`,
		pid, appName+strconv.Itoa(pid)).Scan(&d.tasks, &d.tx)
	d.away = err != nil

	return d
}

// busy lists the processes that have tasks.
func (c *cluster) busy() ([]int, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()

	rows, err := c.pool.Query(ctx, `
		select w.pid from workers w where w.lease_until > now() and exists (select from messages m where m.worker_id = w.worker_id and m.kind = 2)`)
	if err != nil {
		return nil, err
	}

	return pgx.CollectRows(rows, pgx.RowTo[int])
}
