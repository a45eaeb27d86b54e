package chaos

import (
	"context"
	"flag"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/test/pgtest"
)

var scheduleMinutes = flag.Float64("schedules.minutes", 0.2, "how long the schedule of every second runs")

// tickerMain is a worker with a schedule of every second.
func tickerMain(cfg config.Config, configErr error, log *slog.Logger) int {
	o := options(log)
	o.Schedules = map[string]define.Schedule{"every_second": define.Every(
		"* * * * * *", "America/New_York", o.Jobs["hello_one"], fixtures.HelloParams{},
		define.Allow(), define.FireAll(state.MaxFireAll),
	)}

	a, err := app.New(cfg, configErr, o)
	if err == nil && len(a.Problems()) > 0 {
		log.Error("the registries are inconsistent", "problems", a.Problems())
	}

	if err == nil {
		err = a.Start(context.Background())
	}

	if err != nil {
		return fail(err)
	}

	a.Work(context.Background())
	untilOrphaned()

	return 0
}

// ticker starts a process with the schedule.
func ticker(t *testing.T, env []string) *child {
	t.Helper()

	p := &child{
		role: roleTicker,
		cmd:  exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0]),
		over: make(chan struct{}),
	}

	p.cmd.Env = slices.Concat(env, []string{roleEnv + "=" + roleTicker})
	p.cmd.Stderr = os.Stderr

	if _, err := p.cmd.StdinPipe(); err != nil { // the child ends when this pipe closes
		t.Fatal(err)
	}

	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}

	close(p.over) // it has no output to read

	return p
}

// TestEverySecondStartsOneJobWhileProcessesAreKilled runs three processes and
// kills one after the other, half of them while they linger before a COMMIT.
// Each slot must have exactly one job, also those of times without a process.
func TestEverySecondStartsOneJobWhileProcessesAreKilled(t *testing.T) {
	t.Parallel()

	url := pgtest.URL(t)
	env := append(os.Environ(), "DATABASE_URL="+url, "TRANSPORT=postgres", "LOG_LEVEL=error", "DATABASE_CONNECTIONS=4")

	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(pool.Close)

	processes := []*child{ticker(t, env), ticker(t, env), ticker(t, env)}

	defer func() {
		for _, p := range processes {
			p.kill()
		}
	}()

	awaitCount(t, pool, 1, `select count(*) from schedules where fired > 0`)

	killed := 0
	until := time.Now().Add(time.Duration(*scheduleMinutes * float64(time.Minute)))

	for ; time.Now().Before(until); killed++ {
		victim := killed % len(processes)
		if killed%2 == 0 {
			_ = processes[victim].cmd.Process.Signal(syscall.SIGUSR1)
		}

		pause(time.Duration(300+rand.IntN(900)) * time.Millisecond)
		processes[victim].kill()

		if killed%5 == 4 { // for a while there is no process
			for _, p := range processes {
				p.kill()
			}

			pause(2 * time.Second)

			for i := range processes {
				processes[i] = ticker(t, env)
			}

			continue
		}

		processes[victim] = ticker(t, env)
	}

	// All slots until now are decided, and their jobs have ended.
	var end time.Time
	if err := pool.QueryRow(t.Context(), `select clock_timestamp()`).Scan(&end); err != nil {
		t.Fatal(err)
	}

	awaitCount(t, pool, 1, `select count(*) from schedules where next_at > $1`, end)
	awaitCount(t, pool, 0, `select -count(*) from jobs where status <> 'completed' and created_at <= $1`, end)

	var slots, jobs, missing, fired, left int
	if err := pool.QueryRow(t.Context(), `
		with
		started as (
			select substr(run_key, length('schedule/every_second/') + 1)::timestamptz as slot, count(*) as n
			from jobs group by 1
		),
		due as (
			select generate_series((select min(slot) from started), (select max(slot) from started), '1 second') as slot
		)
		select
			(select count(*) from due), (select sum(n) from started)::int,
			(select count(*) from due where not exists (select from started s where s.slot = due.slot and s.n = 1)),
			(select fired::int from schedules), (select (skipped + missed)::int from schedules)`,
	).Scan(&slots, &jobs, &missing, &fired, &left); err != nil {
		t.Fatal(err)
	}

	t.Logf("%d slots, %d jobs, %d processes killed", slots, jobs, killed)

	if missing != 0 || jobs < slots || left != 0 {
		t.Errorf("%d slots, %d jobs: %d slots without exactly one job; %d fired, %d left out",
			slots, jobs, missing, fired, left)
	}
}

// awaitCount waits until a query returns at least want.
func awaitCount(t *testing.T, pool *pgxpool.Pool, want int, sql string, args ...any) {
	t.Helper()

	got := 0

	for until := time.Now().Add(5 * time.Minute); time.Now().Before(until); pause(20 * time.Millisecond) {
		if err := pool.QueryRow(t.Context(), sql, args...).Scan(&got); err != nil {
			t.Fatal(err)
		}

		if got >= want {
			return
		}
	}

	t.Fatalf("%s: %d, want %d", sql, got, want)
}
