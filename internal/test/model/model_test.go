package model

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// The number of sequences of a run, and the seed of all of them.
var (
	sequences = flag.Int("model.sequences", 250, "sequences of random steps")
	seed      = flag.Int64("model.seed", 0, "seed of the sequences; 0: a random one")
)

const (
	lanes    = 6       // run in parallel, each in its own schema
	laneSeed = 1 << 40 // distance between the seeds of two lanes
	steps    = 20      // average steps of a sequence
)

func TestMain(m *testing.M) {
	flag.Parse()

	for name, value := range map[string]int{"rapid.checks": (*sequences + lanes - 1) / lanes, "rapid.steps": steps} {
		if !isSet(name) {
			setFlag(name, strconv.Itoa(value))
		}
	}

	setFlag("rapid.nofailfile", "true") // the seed is enough to reproduce a failure

	if *seed == 0 {
		*seed = rand.Int64N(1_000_000_000) + 1
	}

	pgtest.Main(m)
}

func isSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// setFlag sets a flag of rapid without marking it as set on the command line.
func setFlag(name, value string) {
	if err := flag.Lookup(name).Value.Set(value); err != nil {
		panic(err)
	}
}

// seeding guards the flag from which rapid reads its seed when a check begins.
var seeding sync.Mutex

// checkLane is rapid.Check with the seed of the lane, unless the command line
// gives a seed to reproduce.
func checkLane(t *testing.T, lane int, property func(*rapid.T)) {
	t.Helper()

	if isSet("rapid.seed") {
		rapid.Check(t, property)
		return
	}

	seeding.Lock()

	started := sync.OnceFunc(seeding.Unlock)
	defer started()

	setFlag("rapid.seed", strconv.FormatInt(*seed+int64(lane)*laneSeed, 10))
	rapid.Check(t, func(rt *rapid.T) {
		started()
		property(rt)
	})
}

func TestEngineMatchesReferenceModel(t *testing.T) {
	t.Parallel()

	begin := time.Now()

	var done atomic.Int64

	t.Logf("%d sequences of about %d steps, -model.seed=%d", *sequences, steps, *seed)
	t.Cleanup(func() {
		t.Logf(
			"%d sequences in %s: %.1f per second",
			done.Load(),
			time.Since(begin).Round(time.Second),
			float64(done.Load())/time.Since(begin).Seconds(),
		)

		if !t.Failed() && !isSet("rapid.checks") && done.Load() < int64(*sequences) {
			t.Errorf("only %d of %d sequences were run: raise -timeout", done.Load(), *sequences)
		}
	})

	for i := range lanes {
		t.Run(fmt.Sprintf("lane %d", i), func(t *testing.T) {
			t.Parallel()
			b := newBase(t)
			checkLane(t, i, func(rt *rapid.T) {
				w := newWorld(rt, b)
				defer w.stop()

				w.step(w.submit)(rt) // without a job, no step is possible
				rt.Repeat(map[string]func(*rapid.T){
					"submit": w.step(w.submit),
					"cancel": w.step(w.cancel),
					"retry":  w.step(w.retry),
					"deliver": w.step(
						w.deliver,
					),
					"deliver_more":  w.step(w.deliver),
					"deliver_much":  w.step(w.deliver),
					"deliver_again": w.step(w.deliverAgain),
					"deliver_all":   w.step(w.deliverAll),
					"hang":          w.step(w.hang),
					"let_go":        w.step(w.unblock),
					"overload":      w.step(w.overload),
					"sweep":         w.step(w.sweep),
					"delete":        w.step(w.delete),
					"set_aside":     w.step(w.deadLetter),
					"redrive":       w.step(w.redrive),
					"end_a_lease":   w.step(w.expireLease),
					"die_soon":      w.step(w.dieSoon),
					"break_once":    w.step(w.breakOnce),
					"restart":       w.step(w.restart),
					"":              func(*rapid.T) { w.check() },
				})
				w.drain()
				done.Add(1)
			})
		})
	}
}

// step replaces the processes that die during a step before the next step.
func (w *world) step(do func()) func(*rapid.T) {
	return func(*rapid.T) {
		do()

		for _, p := range w.procs {
			w.settle(p)
		}

		w.replaceDead()
	}
}

func (w *world) drawProcess() int { return rapid.IntRange(0, len(w.procs)-1).Draw(w.t, "process") }

// request makes a call as a client does. The call can fail in any way, and then
// the client does not know whether it had an effect.
func (w *world) request(do func(context.Context, *process) error) {
	p := w.procs[w.drawProcess()]

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	if err := do(ctx, p); err != nil && state.CodeOf(err) != state.CodeUnavailable &&
		state.CodeOf(err) != state.CodeConflict {
		w.t.Fatal(err)
	}
}

func (w *world) submit() {
	n := rapid.IntRange(0, len(w.specs[0])-1).Draw(w.t, "type")
	p := params{
		N: rapid.IntRange(0, 5).
			Draw(w.t, "n"),
		Seed: rapid.IntRange(0, 2).Draw(w.t, "seed"),
		Skip: rapid.IntRange(0, 3).Draw(w.t, "skip") == 0,
	}
	req := coremachine.SubmitRequest{
		Type: typeName(
			n,
		),
		Rerun: rapid.Bool().Draw(w.t, "rerun"),
		Body:  fmt.Appendf(nil, `{"n":%d,"seed":%d,"skip":%v}`, p.N, p.Seed, p.Skip),
	}
	heal := rapid.Bool().Draw(w.t, "heal")
	w.request(func(ctx context.Context, by *process) error {
		dry := req
		dry.DryRun = true

		res, err := by.m.Submit(ctx, dry)
		if err != nil {
			return err
		}

		fresh := &job{params: p, status: state.JobQueued}
		w.expectStart(res.JobID, fresh, w.specs[by.build][n], heal)

		_, err = by.m.Submit(ctx, req)

		return err
	})
}

// expectStart records that a job may be started, for the first time or again.
func (w *world) expectStart(id state.JobID, fresh *job, spec jobSpec, heal bool) {
	w.mu.Lock()
	defer w.mu.Unlock()

	if _, ok := w.jobs[id]; !ok {
		w.jobs[id] = fresh
	}

	w.jobs[id].mayStart, w.jobs[id].willHeal, w.jobs[id].willSpec = true, heal, spec
	w.banned = state.JobID{} // the new run is not the one that was stopped
}

// drawJob picks an existing job.
func (w *world) drawJob() (id state.JobID, ok bool) {
	rows, err := w.pool.Query(context.Background(), `select job_id from jobs order by job_id`)
	if err != nil {
		w.t.Fatal(err)
	}

	var ids []state.JobID

	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			w.t.Fatal(err)
		}

		ids = append(ids, state.JobID(raw))
	}

	if len(ids) == 0 {
		return id, false
	}

	return rapid.SampledFrom(ids).Draw(w.t, "job"), true
}

func (w *world) cancel() {
	id, ok := w.drawJob()
	if !ok || rapid.Bool().Draw(w.t, "changed mind") { // otherwise too few jobs end in other ways
		return
	}

	w.mu.Lock()
	w.jobs[id].cancelled = true
	w.mu.Unlock()
	w.request(func(ctx context.Context, by *process) error {
		err := by.m.Cancel(ctx, id, "test")

		w.mu.Lock()
		defer w.mu.Unlock()

		w.jobs[id].stopped = w.jobs[id].stopped || err == nil

		return err
	})
}

func (w *world) retry() {
	id, ok := w.drawJob()
	if !ok {
		return
	}

	heal := rapid.Bool().Draw(w.t, "heal")
	// A retry keeps completed tasks. A job that was healed once stays healed,
	// because otherwise the reference would have to remember tasks.
	w.expectStart(id, nil, w.jobs[id].spec, heal || w.isHealed(context.Background(), id))
	w.request(func(ctx context.Context, by *process) error {
		_, err := by.m.Retry(ctx, id, "test", "")
		return err
	})
}
