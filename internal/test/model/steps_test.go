package model

import (
	"context"

	"pgregory.net/rapid"

	"coremachine/internal/state"
)

// deliver delivers a random waiting message to a random process.
func (w *world) deliver() {
	waiting := w.messages()
	if len(waiting) == 0 {
		return
	}

	m := waiting[rapid.IntRange(0, len(waiting)-1).Draw(w.t, "message")]
	w.seen = append(w.seen, m)
	w.handle(w.procs[w.drawProcess()], m)
}

// deliverAll delivers everything that waits, in either order.
func (w *world) deliverAll() {
	waiting := w.messages()
	backwards := rapid.Bool().Draw(w.t, "backwards")

	for i := range waiting {
		m := waiting[i]
		if backwards {
			m = waiting[len(waiting)-1-i]
		}

		p := w.procs[w.drawProcess()]
		if p.dead.Load() {
			return
		}

		w.handle(p, m)
	}
}

// deliverAgain delivers a copy of a message that was delivered before.
func (w *world) deliverAgain() {
	if len(w.seen) > 0 {
		w.handle(w.procs[w.drawProcess()], rapid.SampledFrom(w.seen).Draw(w.t, "copy"))
	}
}

// hang makes the handlers of a process wait from now on.
func (w *world) hang() {
	p := w.procs[w.drawProcess()]
	p.hang.CompareAndSwap(nil, &gate{open: make(chan struct{}), unresponsive: rapid.Bool().Draw(w.t, "unresponsive")})
}

// overload delivers everything that waits to a process whose handlers hang, so
// that it has no slot for the rest.
func (w *world) overload() {
	p := w.procs[w.drawProcess()]
	p.hang.CompareAndSwap(nil, &gate{open: make(chan struct{})})

	for _, m := range w.messages() {
		if !p.dead.Load() {
			w.handle(p, m)
		}
	}
}

func (w *world) unblock() { w.procs[w.drawProcess()].unblock(w) }

func (w *world) sweep() { w.sweepBy(w.procs[w.drawProcess()]) }

// deadLetter makes a dead letter of a waiting message, like a transport after
// many deliveries.
func (w *world) deadLetter() {
	waiting := w.messages()
	if len(waiting) == 0 {
		return
	}

	m := rapid.SampledFrom(waiting).Draw(w.t, "message")
	w.exec(
		`update messages set dead_reason = 'MaxDeliveryCountExceeded'
			where job_id = $1 and message_id = $2 and worker_id is null`, // local work may have claimed it since
		m.JobID[:],
		m.MessageID,
	)
}

// redrive makes all dead letters due again, like an operator.
func (w *world) redrive() {
	for _, name := range state.Queues {
		if _, err := w.queue.Redrive(context.Background(), name, "", 1000); err != nil {
			w.t.Fatal(err)
		}
	}
}

// delete deletes a job. If the request is interrupted, a later sweep finishes
// the deletion.
func (w *world) delete() {
	id, ok := w.drawJob()
	if !ok {
		return
	}

	w.request(func(ctx context.Context, by *process) error {
		// Local work of a process can end the job at any moment, so the status
		// log decides, and not the last check.
		defer w.notePurge(id)

		err := by.m.Delete(ctx, id)
		if err == nil && !w.hasEnded(id) {
			w.t.Fatalf("job %s was deleted while it was open", id.Short())
		}

		return err
	})
}

// notePurge allows a job to be deleted if it has ended.
func (w *world) notePurge(id state.JobID) {
	ended := w.hasEnded(id)
	w.mu.Lock()
	defer w.mu.Unlock()

	w.jobs[id].mayGo = w.jobs[id].mayGo || ended
}

// hasEnded reports whether the last status of a job, including that of a
// deleted job, is terminal.
func (w *world) hasEnded(id state.JobID) bool {
	var last state.JobStatus

	err := w.pool.QueryRow(context.Background(), `select now from status_log
		where record = 'job' and job_id = $1 order by id desc limit 1`, id[:]).Scan(&last)
	if err != nil {
		w.t.Fatal(err)
	}

	return last.Ended()
}

// expireLease expires the lease of a dead process, or of a living one, which
// continues without noticing.
func (w *world) expireLease() {
	if rapid.Bool().Draw(w.t, "living") {
		w.exec(`update workers set lease_until = '-infinity' where build = $1`, w.procs[w.drawProcess()].name)
		return
	}

	living := make([]string, len(w.procs))
	for i, p := range w.procs {
		living[i] = p.name
	}

	w.exec(`update workers set lease_until = '-infinity' where build <> all ($1)`, living)
}

// dieSoon kills a process at one of its next statements: before the statement,
// at its COMMIT, or before the response.
func (w *world) dieSoon() {
	w.procs[w.drawProcess()].fuse.Store(int64(rapid.IntRange(1, 15).Draw(w.t, "points")))
}

// breakOnce loses one of the next statements or responses of a process. The
// process continues.
func (w *world) breakOnce() {
	w.procs[w.drawProcess()].flake.Store(int64(rapid.IntRange(1, 10).Draw(w.t, "points")))
}

// restart shuts down a process gracefully and starts the next one.
func (w *world) restart() { w.replace(w.drawProcess()) }
