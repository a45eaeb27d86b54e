package verbs

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

var (
	minutes = flag.Float64("verbs.minutes", 0, "how long clients call the API; 0: some seconds")
	seed    = flag.Uint64("verbs.seed", 0, "the seed of a run; 0: a new one")
)

// The clients of a run, the jobs that they share, and the duration of the short
// form.
const (
	clients  = 16
	jobs     = 20
	shortRun = 4 * time.Second
)

// settleLimit is the time after the last request within which every job must
// end.
const settleLimit = 2 * time.Minute

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestRandomVerbs calls all verbs of the API randomly from many clients on few
// jobs. Afterwards no job may be stuck, the invariants must hold, and no two
// responses may contradict each other.
func TestRandomVerbs(t *testing.T) {
	t.Parallel()

	if enginetest.InBothModes(t, TestRandomVerbs) {
		return
	}

	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano()) % 1_000_000
	}

	length := time.Duration(*minutes * float64(time.Minute))
	if length == 0 {
		length = shortRun
	}

	t.Logf("seed %d, %s; repeat with -verbs.seed %d", s, length, s)

	e := enginetest.Start(t, enginetest.Options{
		Jobs: map[string]define.Job{
			"chain": chain,
			"fan":   fan,
		},
		Handlers:  map[string]handlers.Handler{string(step): handler},
		Processes: 2,
		Conns:     8,
	})
	w := newWorld(t, e)
	w.sweeps = *minutes > 0 // a sweep delays the messages that it redrives
	w.drive(s, time.Now().Add(length))
	took := w.settle()

	t.Logf("%d requests; settled in %s; responses:\n%s", w.requests(), took.Round(time.Millisecond), w.table())

	for _, problem := range w.check() {
		t.Error(problem)
	}
}

// drive runs the clients until the time is up.
func (w *world) drive(seed uint64, until time.Time) {
	ctx, cancel := context.WithDeadline(w.t.Context(), until)
	defer cancel()

	var group sync.WaitGroup

	for i := range clients {
		c := &client{world: w, r: rand.New(rand.NewPCG(seed, uint64(i))), base: w.bases[i%len(w.bases)]}

		group.Go(func() {
			for ctx.Err() == nil {
				c.step()
			}
		})
	}

	group.Go(func() { w.breakMessages(ctx, rand.New(rand.NewPCG(seed, clients))) })
	group.Wait()
}

// breakMessages turns messages into dead letters, so that there is something to
// redrive.
func (w *world) breakMessages(ctx context.Context, r *rand.Rand) {
	for clock.Sleep(ctx, time.Duration(20+r.IntN(200))*time.Millisecond) {
		_, err := w.e.Pool().Exec(ctx, `
			update messages m set dead_reason = 'set aside by the test'
			from (select job_id, message_id from messages where worker_id is null and dead_reason is null
			      order by random() limit 2 for update skip locked) x
			where m.job_id = x.job_id and m.message_id = x.message_id`)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			w.t.Errorf("cannot dead-letter messages: %v", err)
			return
		}
	}
}
