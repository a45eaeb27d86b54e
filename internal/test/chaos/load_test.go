package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
)

// kinds of jobs with how each must end; i makes each run's parameters its own.
var kinds = []func(i int) expected{
	func(i int) expected {
		return expected{
			jobType: "hello_world",
			body:    fmt.Sprintf(`{"n":40,"failure_rate":0.1,"message":"%d"}`, i),
		}
	},
	func(i int) expected {
		return expected{
			jobType: "diamond",
			body:    fmt.Sprintf(`{"seed":%d}`, i),
			stage:   "d",
			want:    fixtures.NumberOut{Value: 2*i + 3, Count: 2},
		}
	},
	func(i int) expected {
		return expected{
			jobType: "two_sinks",
			body:    fmt.Sprintf(`{"seed":%d}`, i),
			stage:   "c",
			want:    fixtures.NumberOut{Value: i + 2, Count: 1},
		}
	},
	func(i int) expected {
		return expected{
			jobType: "fanin",
			body:    fmt.Sprintf(`{"n":%d}`, 300+i),
			stage:   "sum",
			want:    sumOf(300 + i),
		}
	},
	asleep(1),
	func(i int) expected {
		return expected{
			jobType: "fanout",
			body:    fmt.Sprintf(`{"n":%d,"k":10}`, 10+i),
			stage:   "sum",
			want:    sumOf(10 * (10 + i)),
		}
	},
	func(i int) expected {
		return expected{
			jobType: "parts",
			body:    fmt.Sprintf(`{"n":%d,"k":7}`, 5+i),
			stage:   "sum",
			want:    sumOf(7 * (5 + i)),
		}
	},
	func(i int) expected {
		return expected{
			jobType: "match_failed",
			body:    fmt.Sprintf(`{"n":%d}`, 30+i),
			status:  state.JobCompletedWithErrors,
		}
	},
	asleep(2),
	func(i int) expected { return expected{jobType: "flaky", body: fmt.Sprintf(`{"n":%d}`, 20+i)} },
	func(i int) expected { return expected{jobType: "gate", body: fmt.Sprintf(`{"n":25,"seed":%d}`, i)} },
	func(i int) expected {
		return expected{
			jobType: "flaky",
			body:    fmt.Sprintf(`{"n":%d,"times":3}`, 20+i),
			status:  state.JobFailed,
		}
	},
	asleep(3),
	movingBy(buildOld),
	movingBy(buildNew),
}

// asleep has tasks that run for up to a second and cost nothing: what a killed
// process is to have had.
func asleep(k int) func(i int) expected {
	return func(i int) expected {
		return expected{
			jobType: "sleepy",
			body:    fmt.Sprintf(`{"n":%d,"millis":%d,"seed":%d}`, 30+k, 300+(379*i)%700, i),
		}
	}
}

func sumOf(n int) fixtures.NumberOut { return fixtures.NumberOut{Value: n * (n - 1) / 2, Count: n} }

// expected is a job that was acknowledged, and how it must end.
type expected struct {
	jobType, body string
	build         string          // that submits it; "": the old one
	status        state.JobStatus // "": completed
	stage         string          // whose only task has this result; "": none is looked at
	want          fixtures.NumberOut
	cancelled     bool // a cancel was asked for: it may end cancelled
}

// load is what was submitted.
type load struct {
	mu   sync.Mutex
	jobs map[state.JobID]*expected
	asks int // submits that were not acknowledged
}

// run submits jobs, and cancels and retries some, until the time is up.
func (l *load) run(c *cluster, r *rand.Rand, until time.Time) {
	l.jobs = map[state.JobID]*expected{}

	for i := 0; time.Now().Before(until); i++ {
		for c.open() > mostOpen && time.Now().Before(until) {
			pause(100 * time.Millisecond)
		}

		want := kinds[i%len(kinds)](i / len(kinds))
		l.submit(c, want)

		if id, ok := l.any(r); ok && r.IntN(12) == 0 {
			l.cancel(c, id)
		}

		if id, ok := l.any(r); ok && r.IntN(8) == 0 {
			limit, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
			_, _ = c.machine.Retry(limit, id, "chaos", "") // most have nothing to retry

			cancel()
		}

		pause(time.Duration(50+r.IntN(150)) * time.Millisecond)
	}
}

// mostOpen bounds the jobs that are open at once, so that all end soon when the
// time is up.
const mostOpen = 60

// open is how many jobs have not ended; 0 when the database does not say.
func (c *cluster) open() (n int) {
	limit, cancel := context.WithTimeout(c.t.Context(), time.Second)
	defer cancel()

	_ = c.pool.QueryRow(limit, `select count(*) from jobs where finished_at is null`).Scan(&n)

	return n
}

func (l *load) submit(c *cluster, want expected) {
	limit, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
	defer cancel()

	machine := c.machine
	if want.build == buildNew {
		machine = c.next
	}

	res, err := machine.Submit(limit, coremachine.SubmitRequest{Type: want.jobType, Body: []byte(want.body)})

	l.mu.Lock()
	defer l.mu.Unlock()

	if err != nil {
		l.asks++
		return
	}

	l.jobs[res.JobID] = &want
}

// cancel notes the wish before it is made: the answer may be lost.
func (l *load) cancel(c *cluster, id state.JobID) {
	l.mu.Lock()
	l.jobs[id].cancelled = true
	l.mu.Unlock()

	limit, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
	defer cancel()

	_ = c.machine.Cancel(limit, id, "chaos")
}

func (l *load) any(r *rand.Rand) (id state.JobID, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()

	skip := r.IntN(len(l.jobs) + 1)
	for id := range l.jobs {
		if skip--; skip < 0 {
			return id, true
		}
	}

	return id, false
}
