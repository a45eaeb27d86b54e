package chaos

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/coremachine"
	"coremachine/internal/dev/pglocal"
	"coremachine/internal/dev/sbfake"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/repotest"
)

// cluster is the database, the broker and the processes that work on them.
type cluster struct {
	t      *testing.T
	server *pglocal.Server
	broker *sbfake.Broker // nil: messages travel over Postgres
	env    []string

	proxy   *pgtest.Proxy // between the first worker and Postgres
	through string        // the address that leads through it

	startLog string // log of the handlers of the job gate

	pool    *pgxpool.Pool
	machine *coremachine.Machine // submits, cancels and sweeps; it has no lease and claims nothing
	next    *coremachine.Machine // the same for the new build

	slots  []*slot
	damage damage

	serverErrors map[string]int // errors in the server's log
}

// slot is the place of one process. The code that ends a process starts the
// next one in its slot.
type slot struct {
	role    string
	number  int        // index within its role
	build   string     // "": the builds take turns
	started int        // processes started in this slot
	taken   sync.Mutex // locked from a fault until the process runs again
	p       *child
}

// child is a process of the cluster.
type child struct {
	role    string
	cmd     *exec.Cmd
	handler atomic.Int64  // the process ID of a host's handler
	over    chan struct{} // closed when its output has ended
}

const brokerLock = 10 * time.Second // lock duration: messages of a killed receiver are delivered again after it

// everyRole is the number of processes of each role in a run of faults. There
// are relays over Service Bus only.
var everyRole = map[string]int{roleHost: 3, roleWorker: 4, roleRelay: 2}

func startCluster(t *testing.T, transport string, processes map[string]int, lock time.Duration) *cluster {
	t.Helper()
	c := &cluster{
		t:            t,
		server:       pgtest.Own(t),
		serverErrors: map[string]int{},
		startLog:     filepath.Join(t.TempDir(), "starts"),
	}

	url := c.server.URL()
	if err := repo.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}

	c.env = append(
		os.Environ(),
		"DATABASE_URL="+url,
		"TRANSPORT="+transport,
		"LOG_LEVEL=error",
		"DATABASE_CONNECTIONS=4",
		appEnv+"="+repotest.AppFolder(t),
		fixtures.LogEnv+"="+c.startLog,
	)
	if transport == "servicebus" {
		c.startBroker(lock)
	}

	c.proxy, c.through = pgtest.NewProxy(t, url)

	r, err := repo.Open(context.Background(), repo.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(r.Close)
	q := pgqueue.New(r.Pool(), pgqueue.Options{})
	t.Cleanup(q.Close)

	c.pool = r.Pool()
	if err := enginetest.LogStatusChanges(t.Context(), c.pool); err != nil {
		t.Fatal(err)
	}

	machine := func(build string) *coremachine.Machine {
		j, h := registries(build)

		return coremachine.New(
			coremachine.Config{
				Jobs:     j,
				Handlers: h,
				Store:    r,
				Wake:     q.Wake,
				Log:      slog.New(slog.DiscardHandler),
			},
		)
	}

	c.machine, c.next = machine(buildOld), machine(buildNew)
	for role, n := range processes {
		if role == roleRelay && c.broker == nil {
			continue
		}

		for number := range n {
			s := &slot{role: role, number: number}
			s.p = c.spawn(s)
			c.slots = append(c.slots, s)
		}
	}

	t.Cleanup(func() {
		for _, s := range c.slots {
			s.p.kill()
		}
	})

	return c
}

func (c *cluster) startBroker(lock time.Duration) {
	o := sbfake.Options{Lock: lock, MaxDeliveries: 100}
	for _, name := range state.Queues {
		o.Queues = append(o.Queues, name.String())
	}

	c.broker = sbfake.New(o)
	c.t.Cleanup(c.broker.Close)

	address, err := c.broker.Listen("127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}

	c.env = append(c.env, "SERVICEBUS="+sbfake.ConnectionString(address))
}

// spawn starts the next process of a slot.
func (c *cluster) spawn(s *slot) *child {
	c.t.Helper()

	role := s.role
	p := &child{
		role: role,
		cmd:  exec.CommandContext(context.WithoutCancel(c.t.Context()), os.Args[0]),
		over: make(chan struct{}),
	}

	p.cmd.Env = slices.Concat(
		c.env,
		[]string{roleEnv + "=" + role, buildEnv + "=" + s.nextBuild()},
	) // several slots are filled concurrently
	if role == roleWorker && s.number == 0 {
		p.cmd.Env = append(p.cmd.Env, "DATABASE_URL="+c.through) // the last entry takes effect
	}

	p.cmd.Stderr = os.Stderr

	out, err := p.cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}

	if _, err := p.cmd.StdinPipe(); err != nil { // the child ends when this pipe closes
		c.t.Fatal(err)
	}

	if err := p.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		defer close(p.over)

		for s := bufio.NewScanner(out); s.Scan(); {
			var pid int64
			if _, err := fmt.Sscanf(s.Text(), "handler %d", &pid); err == nil {
				p.handler.Store(pid)
			}
		}
	}()

	return p
}

// workerPID returns the process ID that works on messages. For a host, that is
// its handler.
func (p *child) workerPID() int {
	if p.role == roleHost {
		return int(p.handler.Load())
	}

	return p.cmd.Process.Pid
}

// kill ends a process by SIGKILL. Processes that it spawned end with it.
func (p *child) kill() {
	_ = p.cmd.Process.Kill()
	<-p.over
	_ = p.cmd.Wait() // returns an error because it was killed
}
