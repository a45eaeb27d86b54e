package chaos

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/state"
)

// inFlight is the number of tasks that must run when the build is replaced.
const inFlight = 30

// TestDeploymentReplacesTheBuild does what a deployment on Flex Consumption does by
// default: it kills all hosts with their handlers while jobs run, and starts hosts
// of another build. It logs what docs/rollout.md reports: how long no task ended,
// how many tasks ran again, and that none was lost.
func TestDeploymentReplacesTheBuild(t *testing.T) {
	t.Parallel()

	for _, transport := range []string{"postgres", "servicebus"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			deploy(t, transport)
		})
	}
}

func deploy(t *testing.T, transport string) {
	t.Helper()

	c := startCluster(t, transport, map[string]int{roleHost: 3}, sbfake.DefaultLock)
	l := load{jobs: map[state.JobID]*expected{}}

	for i := range 4 {
		l.submit(c, expected{jobType: "sleepy", body: fmt.Sprintf(`{"n":400,"millis":2000,"seed":%d}`, i)})
	}

	l.submit(c, movingBy(buildNew)(0)) // it waits for the build that declares it
	awaitCount(t, c.pool, 100, `select count(*) from tasks where status = 'completed'`)
	awaitCount(t, c.pool, inFlight, `select coalesce(sum(count), 0) from messages
		where kind = 2 and worker_id is not null`)

	begin, done := c.replaceBuild()
	awaitCount(t, c.pool, done+1, `select count(*) from tasks where status = 'completed'`)

	settled := c.settle()

	verdict, err := c.check(&l)
	if err != nil {
		t.Fatal(err)
	}

	c.reportDeployment(transport, begin, settled, verdict)

	for _, problems := range [][]string{verdict.lost, verdict.wrong, verdict.broken} {
		for _, p := range problems {
			t.Error(p)
		}
	}

	if verdict.again == 0 || verdict.again != verdict.attempts {
		t.Errorf("%d of %d interrupted tasks ran again, want all, and at least one", verdict.again, verdict.attempts)
	}
}

// replaceBuild kills all processes at the same time, and starts their successors.
// It returns the database time of the kill, and how many tasks had completed.
func (c *cluster) replaceBuild() (begin time.Time, done int) {
	c.t.Helper()

	var dying sync.WaitGroup
	for _, s := range c.slots {
		dying.Go(s.p.kill)
	}

	dying.Wait()

	err := c.pool.QueryRow(c.t.Context(), `
		select clock_timestamp(), count(*) from tasks where status = 'completed'`).Scan(&begin, &done)
	if err != nil {
		c.t.Fatal(err)
	}

	for _, s := range c.slots {
		s.build = buildNew
		s.p = c.spawn(s)
	}

	return begin, done
}

// reportDeployment logs the times from the kill on.
func (c *cluster) reportDeployment(transport string, begin time.Time, settled time.Duration, v verdict) {
	var first, requeued, last float64

	err := c.pool.QueryRow(c.t.Context(), `
		select
		  (select extract(epoch from min(finished_at) - $1) from tasks where finished_at > $1),
		  (select coalesce(extract(epoch from max(ended_at) - $1), 0) from attempts where outcome = 'lost'),
		  (select coalesce(extract(epoch from max(t.finished_at) - $1), 0)
		   from tasks t join attempts a using (job_id, stage, gen, index) where a.outcome = 'lost')`, begin).
		Scan(&first, &requeued, &last)
	if err != nil {
		c.t.Fatal(err)
	}

	c.t.Logf("over %s: %d tasks of 2 s, of which %d were interrupted and ran again, %d lost; after the kill, "+
		"the first task ended at %.1f s, all interrupted ones were requeued at %.1f s and had ended at %.1f s; "+
		"the jobs had ended %.1f s later", transport, v.tasks, v.again, len(v.lost), first, requeued, last,
		settled.Seconds())
}
