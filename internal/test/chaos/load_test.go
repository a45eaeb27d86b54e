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

// kinds are the kinds of jobs, with their expected outcomes. The index i makes
// the parameters of each run unique.
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
	tidied(false),
	tidied(true),
}

// asleep has tasks that run for up to a second and use no CPU, so that killed
// processes have tasks in flight.
func asleep(k int) func(i int) expected {
	return func(i int) expected {
		return expected{
			jobType: "sleepy",
			body:    fmt.Sprintf(`{"n":%d,"millis":%d,"seed":%d}`, 30+k, 300+(379*i)%700, i),
		}
	}
}

func sumOf(n int) fixtures.NumberOut { return fixtures.NumberOut{Value: n * (n - 1) / 2, Count: n} }

// expected is an acknowledged job and its expected outcome.
type expected struct {
	jobType, body string
	build         string          // the build that submits it; "": the old one
	status        state.JobStatus // "": completed
	stage         string          // the stage whose only task has this result; "": the result is not checked
	want          fixtures.NumberOut
	cancelled     bool // a cancel was requested: it may end cancelled
}

// load records the submitted jobs.
type load struct {
	mu             sync.Mutex
	jobs           map[state.JobID]*expected
	next           int // the number of the next job
	unacknowledged int // submits that were not acknowledged
}

// run submits jobs, and cancels and retries some, until the time is up.
func (l *load) run(c *cluster, r *rand.Rand, until time.Time) {
	for ; time.Now().Before(until); l.next++ {
		for c.open() > maxOpen && time.Now().Before(until) {
			pause(100 * time.Millisecond)
		}

		want := kinds[l.next%len(kinds)](l.next / len(kinds))
		l.submit(c, want)

		if id, ok := l.any(r); ok && r.IntN(12) == 0 {
			l.cancel(c, id)
		}

		if id, ok := l.any(r); ok && r.IntN(8) == 0 {
			limit, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
			_, _ = c.machine.Retry(limit, id, "chaos", "") // usually there is nothing to retry

			cancel()
		}

		pause(time.Duration(50+r.IntN(150)) * time.Millisecond)
	}
}

// maxOpen limits the number of open jobs, so that all of them end soon after
// the time is up.
const maxOpen = 60

// open returns the number of open jobs, or 0 if the database does not respond.
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
		l.unacknowledged++
		return
	}

	l.jobs[res.JobID] = &want
}

// cancel records the request before it sends it, because the response can be
// lost.
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
