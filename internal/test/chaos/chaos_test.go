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
)

var (
	minutes = flag.Float64(
		"chaos.minutes",
		0,
		"how long things are broken, over each transport; 0: some seconds",
	)
	seed = flag.Uint64("chaos.seed", 0, "the seed of a run; 0: a new one")
)

// shortRun is enough for each fault once.
const shortRun = 14 * time.Second

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

	c := startCluster(t, transport)
	until := time.Now().Add(length)

	var (
		l          load
		submitting sync.WaitGroup
	)
	submitting.Go(func() { l.run(c, rand.New(rand.NewPCG(s, 1)), until) })
	c.breakThings(s, until, short)
	submitting.Wait()

	settled := c.settle()
	c.readServerLog()

	v, err := c.judge(&l)
	if err != nil {
		t.Fatal(err)
	}

	v.settled = settled
	v.books = append(v.books, c.refused()...)
	t.Log("\n" + c.report(transport, s, length, &l, v))

	for _, problems := range [][]string{v.lost, v.wrong, v.books} {
		for _, p := range problems {
			t.Error(p)
		}
	}

	if len(l.jobs) == 0 || v.tasks == 0 {
		t.Errorf("%d jobs with %d tasks: nothing was tried", len(l.jobs), v.tasks)
	}

	c.mustHaveHurt(length, &l, v)
}

// mustHaveHurt fails a run that broke too little to say anything: five minutes
// have their full measure, shorter ones half their share.
func (c *cluster) mustHaveHurt(length time.Duration, l *load, v verdict) {
	for _, floor := range []struct {
		what string
		got  int
		want float64 // in five minutes
	}{
		{"kills", c.hurt.kills(), 200},
		{"kills of processes with running tasks", c.hurt.of(hurtTasks), 100},
		{"kills inside a transaction", c.hurt.of(hurtTx), 20},
		{hurtCrash, c.hurt.of(hurtCrash), 10},
		{"attempts lost and run again", v.again, 100},
		{"jobs", len(l.jobs), 50},
	} {
		share := min(1, length.Minutes()/5)
		if share < 1 {
			share /= 2
		}

		if want := int(floor.want * share); floor.got < want {
			c.t.Errorf("%s: %d, and at least %d make a run", floor.what, floor.got, want)
		}
	}
}

func (c *cluster) report(transport string, s uint64, length time.Duration, l *load, v verdict) string {
	d := &c.hurt

	var out strings.Builder

	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	line := func(what string, n any) { _, _ = fmt.Fprintf(w, "%s\t%v\n", what, n) }
	line(fmt.Sprintf("over %s for %s, seed %d", transport, length, s), "")
	line("processes killed", d.kills())

	for _, role := range roles {
		line("  "+role, d.of(killed(role)))
	}

	for _, name := range []string{hurtTasks, hurtTx, hurtAway, hurtCrash, hurtCut, hurtBus, hurtStop, hurtSweep} {
		line(name, d.of(name))
	}

	line("jobs acknowledged", len(l.jobs))
	line("submits without an answer", l.asks)
	line("tasks", v.tasks)
	line("starts that handlers wrote down", v.starts)
	line("attempts that went with their process", v.attempts)
	line("  of these run again", v.again)
	line("jobs with a task that lost five processes", v.spared)
	line("deadlocks that Postgres broke", c.deadlocks())
	line("settled after", v.settled.Round(100*time.Millisecond))
	line("work lost", len(v.lost))
	line("work done wrong", len(v.wrong))
	line("books that do not balance", len(v.books))

	_ = w.Flush() // to memory

	return out.String()
}
