package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/coremachine"
	"coremachine/internal/dev/devhost"
	"coremachine/internal/dev/sbfake"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// Flags of the soak test. Without -soak it takes a few seconds with small
// numbers. With -soak, 1,000 tasks of 3 minutes run under the default settings
// for the given time.
var (
	soakTime  = flag.Duration("soak", 0, "how long TestSoakUnderOverload runs, as in 10m; 0: a few seconds")
	soakTasks = flag.Int("soak.tasks", 1000, "tasks of the soak")
	soakTask  = flag.Duration("soak.task", 3*time.Minute, "how long a task of the soak takes")
)

const soakWork handlers.TaskType[soakIn, workOut] = "soak_work"

type soakIn struct {
	Millis int `json:"millis"`
}

type soakParams struct {
	N      int `json:"n" validate:"min=0,max=1000000"`
	Millis int `json:"millis"`
}

var soakJob = define.Define(define.Definition[soakParams]{
	Description: "Slow tasks",
	Stages: []define.Stage[soakParams]{{
		Name:  "slow",
		Tasks: define.Dynamic(soakWork, "n", func(p soakParams, _ int) soakIn { return soakIn{p.Millis} }),
	}},
})

func runSoak(ctx context.Context, _ handlers.Task, in soakIn) (workOut, error) {
	select {
	case <-time.After(time.Duration(in.Millis) * time.Millisecond):
		return workOut{}, nil
	case <-ctx.Done():
		return workOut{}, context.Cause(ctx)
	}
}

// soak holds the settings of one run of TestSoakUnderOverload.
type soak struct {
	tasks   int
	task    time.Duration
	running int // MAX_RUNNING
	limit   time.Duration
	env     map[string]string
}

func newSoak() soak {
	s := soak{
		tasks: 96, task: 500 * time.Millisecond, running: 8, limit: 2 * time.Minute,
		env: map[string]string{"MAX_RUNNING": "8"},
	}
	if *soakTime > 0 {
		s = soak{tasks: *soakTasks, task: *soakTask, running: 256, limit: *soakTime}
	}

	return s
}

func (s soak) params() string {
	return fmt.Sprintf(`{"n":%d,"millis":%d}`, s.tasks, s.task.Milliseconds())
}

// TestSoakUnderOverload runs many more slow tasks than a process has slots. It
// reports dead letters, rows whose attempt increased although nothing ran, how
// many slots were busy, and how many messages were sent.
func TestSoakUnderOverload(t *testing.T) {
	t.Parallel()
	t.Run("postgres", soakOverPostgres)
	t.Run("servicebus", soakOverServiceBus)
}

func soakOverPostgres(t *testing.T) {
	t.Parallel()
	s, url := newSoak(), pgtest.URL(t)
	environ := map[string]string{"DATABASE_URL": url}
	maps.Copy(environ, s.env)

	cfg, err := config.Load(environ)
	if err != nil {
		t.Fatal(err)
	}

	a, err := app.New(
		cfg,
		nil,
		app.Options{Jobs: busJobs, Handlers: busHandlers, Log: slog.New(slog.DiscardHandler)},
	)
	if err != nil {
		t.Fatal(err)
	}

	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()

		_ = a.Stop(limit) // tasks that still run when the test ends are cancelled
	})
	a.Work(t.Context())

	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(pool.Close)
	h := &hosted{url: url, pool: pool}

	waitFor(t, time.Minute, "the process is ready", func() bool { return a.Ready() == nil })

	res, err := a.Machine().
		Submit(t.Context(), coremachine.SubmitRequest{Type: "soak", Body: []byte(s.params())})
	if err != nil {
		t.Fatal(err)
	}

	s.watch(t, h, res.JobID, a.Machine().Running)
}

func soakOverServiceBus(t *testing.T) {
	t.Parallel()

	s := newSoak()
	h, broker := startOnBus(t, pgtest.URL(t), sbfake.Options{MaxDeliveries: 10}, func(o *devhost.Options) {
		for name, value := range s.env {
			o.Env = append(o.Env, name+"="+value)
		}
	})
	begin := time.Now()
	id := h.submit(t, "soak", s.params())

	s.watch(t, h, id, func() int { return runningUnder(t, h) })

	minutes := time.Since(begin).Minutes()
	sent, rows := sends(broker)
	rate := float64(sent) / float64(rows) / max(1, minutes)
	t.Logf(
		"%d messages were sent for %d rows in %.1f minutes: %.2f per row and minute",
		sent,
		rows,
		minutes,
		rate,
	)

	if rate > 1.1 {
		t.Errorf("%.2f messages were sent per row and minute, want at most 1.1", rate)
	}

	for _, q := range state.Queues {
		if depth := broker.Depth(q.String()); depth.Dead > 0 {
			t.Errorf("the queue %s holds %d dead letters", q, depth.Dead)
		}
	}
}

var runningCount = regexp.MustCompile(`"running":\s*(\d+)`)

// runningUnder reads the number of running handlers from the health of the
// hosted process. It returns -1 if the process did not respond.
func runningUnder(t *testing.T, h *hosted) int {
	t.Helper()

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.host.URL()+"/health", nil)
	if err != nil {
		t.Fatal(err)
	}

	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return -1
	}

	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()

	found := runningCount.FindSubmatch(body)
	if err != nil || found == nil {
		return -1
	}

	n, _ := strconv.Atoi(string(found[1]))

	return n
}

// watch samples the job until it ends or the time is up.
func (s soak) watch(t *testing.T, h *hosted, id state.JobID, running func() int) {
	t.Helper()

	const (
		dead       = `select count(*) from messages where dead_reason is not null`
		ranNothing = `select count(*) from messages where worker_id is null and attempt > 0`
		again      = `select count(*) from tasks where attempt > 1 or failures > 0 or losses > 0`
		driven     = `select count(*) from events where kind in ('redriven', 'repaired', 'work_lost')`
	)

	every := min(s.task/5, 5*time.Second)

	tick := time.NewTicker(every)
	defer tick.Stop()

	samples, busy, peak := 0, 0, 0

	for end := time.Now().Add(s.limit); time.Now().Before(end) && !h.status(t, id).Ended(); <-tick.C {
		for _, sql := range []string{dead, ranNothing, again, driven} {
			if n := h.number(t, sql); n != 0 {
				t.Errorf("%s: %d, want 0", sql, n)
			}
		}

		open := s.tasks - h.number(t, `select completed from stages where job_id = $1`, id[:])
		n := running()

		peak = max(peak, n)
		if n < 0 || peak < s.running || open < 2*s.running {
			continue // starting, or ending
		}

		samples++

		if n == s.running {
			busy++
		}
	}

	completed := h.number(t, `select completed from stages where job_id = $1`, id[:])
	t.Logf("%d of %d tasks completed; %d of %d slots busy at most, all of them in %d of %d samples",
		completed, s.tasks, peak, s.running, busy, samples)

	if peak != s.running {
		t.Errorf("at most %d handlers ran concurrently, want %d", peak, s.running)
	}

	if samples > 0 && 2*busy < samples {
		t.Errorf("all slots were busy in %d of %d samples", busy, samples)
	}

	if *soakTime == 0 {
		if got := h.status(t, id); got != state.JobCompleted {
			t.Errorf("the job is %s", got)
		}
	}
}
