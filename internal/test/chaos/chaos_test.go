package chaos

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"coremachine/internal/state"
)

var (
	minutes = flag.Float64(
		"chaos.minutes",
		0,
		"how long faults are injected, over each transport; 0: some seconds",
	)
	seed = flag.Uint64("chaos.seed", 0, "the seed of a run; 0: a new one")
)

// shortRun is long enough for each kind of fault to happen once. On a busy machine
// a short run is repeated until enough processes were killed with running tasks,
// at most maxRounds times.
const (
	shortRun  = 14 * time.Second
	maxRounds = 6
)

func TestChaos(t *testing.T) {
	t.Parallel()

	for _, transport := range []string{"postgres", "servicebus"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			run(t, transport)
		})
	}
}

func run(t *testing.T, transport string) {
	t.Helper()

	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano()) % 1_000_000
	}

	length := time.Duration(*minutes * float64(time.Minute))

	short := length == 0
	if short {
		length = shortRun
	}

	c := startCluster(t, transport, everyRole, brokerLock)
	l := load{jobs: map[state.JobID]*expected{}}

	rounds := 0
	for rounds == 0 || short && rounds < maxRounds && c.intact(length) {
		c.injure(&l, s+uint64(rounds), length, short)
		rounds++
	}

	settled := c.settle()
	c.readServerLog()

	v, err := c.check(&l)
	if err != nil {
		t.Fatal(err)
	}

	v.settled = settled
	v.broken = append(v.broken, c.rejected()...)
	t.Log("\n" + c.report(transport, s, time.Duration(rounds)*length, &l, v))

	for _, problems := range [][]string{v.lost, v.wrong, v.broken} {
		for _, p := range problems {
			t.Error(p)
		}
	}

	if len(l.jobs) == 0 || v.tasks == 0 {
		t.Errorf("%d jobs with %d tasks: no work was done", len(l.jobs), v.tasks)
	}

	c.mustHaveDamage(length, &l, v)
}

// injure submits jobs and injects faults for a time.
func (c *cluster) injure(l *load, seed uint64, length time.Duration, short bool) {
	until := time.Now().Add(length)

	var submitting sync.WaitGroup
	submitting.Go(func() { l.run(c, rand.New(rand.NewPCG(seed, 1)), until) })
	c.injectFaults(seed, until, short)
	submitting.Wait()
}

// intact reports whether too few processes were killed so far. Work that was lost
// and runs again is known only in the end: with twice the kills, there is some.
func (c *cluster) intact(length time.Duration) bool {
	return c.damage.of(killedWithTasks) < 2*share(killsWithTasks, length)
}

// killsWithTasks is the minimum of such kills in five minutes.
const killsWithTasks = 100

// share returns how much of a count a run needs. A run shorter than five minutes
// needs half of its share.
func share(count float64, length time.Duration) int {
	part := min(1, length.Minutes()/5)
	if part < 1 {
		part /= 2
	}

	return int(count * part)
}

// mustHaveDamage fails a run with too few faults.
func (c *cluster) mustHaveDamage(length time.Duration, l *load, v verdict) {
	for _, minimum := range []struct {
		what string
		got  int
		want float64 // in five minutes
	}{
		{"kills", c.damage.kills(), 200},
		{"kills of processes with running tasks", c.damage.of(killedWithTasks), killsWithTasks},
		{"kills inside a transaction", c.damage.of(killedInTx), 20},
		{faultCrash, c.damage.of(faultCrash), 10},
		{faultFreeze, c.damage.of(faultFreeze), 8},
		{"attempts lost and run again", v.again, 100},
		{"jobs", len(l.jobs), 50},
	} {
		if want := share(minimum.want, length); minimum.got < want {
			c.t.Errorf("%s: got %d, want at least %d", minimum.what, minimum.got, want)
		}
	}
}

func (c *cluster) report(transport string, s uint64, length time.Duration, l *load, v verdict) string {
	d := &c.damage

	var out strings.Builder

	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	line := func(what string, n any) { _, _ = fmt.Fprintf(w, "%s\t%v\n", what, n) }
	line(fmt.Sprintf("over %s for %s, seed %d", transport, length, s), "")
	line("processes killed", d.kills())

	for _, role := range roles {
		line("  "+role, d.of(killed(role)))
	}

	for _, name := range []string{
		killedWithTasks, killedInTx, killedInOutage,
		faultCrash, faultCut, faultFreeze, faultBusCut, faultSuspend, sweepRun,
	} {
		line(name, d.of(name))
	}

	line("jobs acknowledged", len(l.jobs))
	line("submits without a response", l.unacknowledged)
	line("tasks", v.tasks)
	line("attempts logged by handlers", v.starts)
	line("attempts lost with their process", v.attempts)
	line("  of these run again", v.again)
	line("jobs with a task that reached the limit of losses", v.spared)
	line("deadlocks resolved by Postgres", c.deadlocks())
	line("settled after", v.settled.Round(100*time.Millisecond))
	line("work lost", len(v.lost))
	line("work with a wrong outcome", len(v.wrong))
	line("invariant violations", len(v.broken))

	_ = w.Flush() // writes to memory

	return out.String()
}
