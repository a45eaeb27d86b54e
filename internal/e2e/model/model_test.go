package model

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"coremachine/internal/coremachine"
	"coremachine/internal/pgtest"
	"coremachine/internal/state"
)

// The sequences of one run, and how many of them go on side by side, each in a schema of its own.
const (
	sequences = 1000
	lanes     = 4
	steps     = 20 // of a sequence, on average
)

func TestMain(m *testing.M) {
	for name, value := range map[string]int{"rapid.checks": sequences / lanes, "rapid.steps": steps} {
		if err := flag.Set(name, strconv.Itoa(value)); err != nil { // the command line sets them again
			panic(err)
		}
	}
	if err := flag.Set("rapid.nofailfile", "true"); err != nil { // a seed is enough to see it again
		panic(err)
	}
	pgtest.Main(m)
}

func TestTheEngineKeepsToItsReference(t *testing.T) {
	t.Parallel()
	for i := range lanes {
		t.Run(fmt.Sprintf("lane %d", i), func(t *testing.T) {
			t.Parallel()
			b := newBase(t)
			rapid.Check(t, func(rt *rapid.T) {
				w := newWorld(rt, b)
				defer w.stop()
				w.submit() // a world without jobs has no steps
				rt.Repeat(map[string]func(*rapid.T){
					"submit":  w.step(w.submit),
					"cancel":  w.step(w.cancel),
					"retry":   w.step(w.retry),
					"deliver": w.step(w.deliver), "deliver_more": w.step(w.deliver), "deliver_much": w.step(w.deliver),
					"deliver_again": w.step(w.deliverAgain),
					"deliver_all":   w.step(w.deliverAll),
					"hang":          w.step(w.hang),
					"let_go":        w.step(w.letGo),
					"sweep":         w.step(w.sweep),
					"end_a_lease":   w.step(w.endLease),
					"die_soon":      w.step(w.dieSoon),
					"break_once":    w.step(w.breakOnce),
					"restart":       w.step(w.restart),
					"":              func(*rapid.T) { w.check() },
				})
				w.drain()
			})
		})
	}
}

// step lets those who died in a step be followed before the next.
func (w *world) step(do func()) func(*rapid.T) {
	return func(*rapid.T) {
		do()
		w.replaceTheDead()
	}
}

func (w *world) drawProcess() int { return rapid.IntRange(0, len(w.procs)-1).Draw(w.t, "process") }

// request makes a call as a client: it may fail in any way, and then nobody knows whether it did anything.
func (w *world) request(do func(context.Context, *coremachine.Machine) error) {
	p := w.procs[w.drawProcess()]
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := do(ctx, p.m); err != nil && state.CodeOf(err) != state.CodeUnavailable && state.CodeOf(err) != state.CodeConflict {
		w.t.Fatal(err)
	}
}

func (w *world) submit() {
	n := rapid.IntRange(0, len(w.specs)-1).Draw(w.t, "type")
	p := params{
		N: rapid.IntRange(0, 5).Draw(w.t, "n"), Seed: rapid.IntRange(0, 2).Draw(w.t, "seed"), Skip: rapid.IntRange(0, 3).Draw(w.t, "skip") == 0,
	}
	req := coremachine.SubmitRequest{
		Type: typeName(n), Rerun: rapid.Bool().Draw(w.t, "rerun"), Body: fmt.Appendf(nil, `{"n":%d,"seed":%d,"skip":%v}`, p.N, p.Seed, p.Skip),
	}
	heal := rapid.Bool().Draw(w.t, "heal")
	w.request(func(ctx context.Context, m *coremachine.Machine) error {
		dry := req
		dry.DryRun = true
		res, err := m.Submit(ctx, dry)
		if err != nil {
			return err
		}
		w.expectStart(res.JobID, &job{spec: w.specs[n], params: p, status: state.JobQueued, attempt: 0}, heal)
		_, err = m.Submit(ctx, req)
		return err
	})
}

// expectStart notes that a job may be started, for the first time or again.
func (w *world) expectStart(id state.JobID, fresh *job, heal bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.jobs[id]; !ok {
		w.jobs[id] = fresh
	}
	w.jobs[id].mayStart, w.jobs[id].willHeal = true, heal
}

// drawJob picks a job that is there.
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
	if !ok || rapid.Bool().Draw(w.t, "changed mind") { // or too few jobs come to another end
		return
	}
	w.mu.Lock()
	w.jobs[id].cancelled = true
	w.mu.Unlock()
	w.request(func(ctx context.Context, m *coremachine.Machine) error {
		err := m.Cancel(ctx, id, "test")
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
	// A retry keeps what completed: what was healed once stays so, or the reference would have to remember tasks.
	w.expectStart(id, nil, heal || w.isHealed(id))
	w.request(func(ctx context.Context, m *coremachine.Machine) error {
		_, err := m.Retry(ctx, id, "test", "")
		return err
	})
}
