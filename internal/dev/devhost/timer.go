package devhost

import (
	"bytes"
	"context"
	"sync"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/telemetry/keys"
)

// tolerance is how late the first tick can be before it counts as past due.
const tolerance = time.Second

// timerStatus is the state that the real host keeps in blob storage.
type timerStatus struct {
	mu         sync.Mutex
	last, next time.Time
}

// monitored reports whether a timer keeps a status. Timers with short
// intervals, or with useMonitor false, do not.
func monitored(f *Function) bool { return f.Trigger.UseMonitor == nil || *f.Trigger.UseMonitor }

// runTimer fires a function by its schedule, one call at a time. The next tick
// is computed from the end of the previous call. Ticks that were missed while
// the host was stopped become one tick at start-up that is past due. Failures
// are not retried.
func (s *session) runTimer(f *Function, when schedule) {
	kept, _ := s.host.ticks.LoadOrStore(f.Name, &timerStatus{})

	status, ok := kept.(*timerStatus)
	if !ok {
		return
	}

	if f.Trigger.RunOnStartup || status.missed(now()) {
		s.tick(s.ctx, f, status, when, status.missed(now()))
	}

	for {
		at := now()

		next := status.plan(when.Next(at))
		if !clock.Sleep(s.ctx, next.Sub(at)) {
			return
		}

		s.tick(s.ctx, f, status, when, now().Sub(next) > tolerance)
	}
}

func (t *timerStatus) missed(at time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()

	return !t.next.IsZero() && at.Sub(t.next) > tolerance
}

func (t *timerStatus) plan(next time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.next = next

	return next
}

// tick invokes a timer function and waits for it.
func (s *session) tick(ctx context.Context, f *Function, status *timerStatus, when schedule, late bool) {
	s.host.counters.ticks.Add(1)

	at := now()
	buffer := getBuffer()

	status.mu.Lock()
	writeTimer(buffer, f.Trigger.Name, monitored(f), status.last, when.Next(at), late, s.stamp(f))
	status.mu.Unlock()

	if err := s.post(ctx, f, newID(), buffer); err != nil {
		s.host.log.Warn("tick failed and is not retried", keys.Function, f.Name, keys.Error, err)
	}

	status.mu.Lock()
	status.last = at
	status.mu.Unlock()
}

// writeTimer writes the envelope of a tick. Before the first recorded run, last
// is the year 1.
func writeTimer(
	buffer *bytes.Buffer,
	binding string,
	monitor bool,
	last, next time.Time,
	late bool,
	by stamp,
) {
	to := append(buffer.AvailableBuffer(), `{"Data":{`...)
	to = appendString(to, binding)

	to = append(to, `:{"Schedule":{"AdjustForDST":true},"ScheduleStatus":`...)
	if monitor {
		to = append(to, `{"Last":`...)
		to = appendTime(to, last, fullLayout, "+00:00")
		to = append(to, `,"Next":`...)
		to = appendTime(to, next, fullLayout, "+00:00")
		to = append(to, `,"LastUpdated":`...)
		to = appendTime(to, last, fullLayout, "+00:00")
		to = append(to, '}')
	} else {
		to = append(to, `null`...)
	}

	to = append(to, `,"IsPastDue":`...)
	if late {
		to = append(to, `true}`...)
	} else {
		to = append(to, `false}`...)
	}

	m := metadata{to: append(to, `},"Metadata":{`...)}
	m.sys(by)
	buffer.Write(append(m.to, '}', '}'))
}
