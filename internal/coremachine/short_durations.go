package coremachine

import (
	"context"
	"maps"
	"sync"
	"time"

	"coremachine/internal/telemetry/keys"
)

// DurationSharer exchanges task duration estimates with other processes.
type DurationSharer interface {
	ShareDurations(ctx context.Context, tell map[string]time.Duration) (told map[string]time.Duration, err error)
}

// durations estimates how long a task of each type usually takes when it runs
// concurrently with the other tasks of its message. The estimate is a moving
// mean over the messages whose tasks this process ran. A message cannot take
// longer than its tasks one after the other: if it did, it shared the CPUs with
// other messages. The estimate falls faster than it rises, because on a busy
// machine most tasks take longer than they need.
// For a type that this process has not run, durations uses the estimate that
// other processes published.
type durations struct {
	mu    sync.Mutex
	means map[string]time.Duration
	told  map[string]time.Duration // published by all processes, as last read
	asked bool                     // of was called for a type without an estimate

	disabled bool // of returns 0 for every type
}

// ran records that n tasks of a type, run concurrently, took the given time.
func (p *durations) ran(taskType string, n int, took time.Duration) {
	if p.disabled {
		return
	}

	mean := max(1, took/time.Duration(n))

	p.mu.Lock()
	defer p.mu.Unlock()

	if p.means == nil {
		p.means = map[string]time.Duration{}
	}

	switch known, ok := p.means[taskType]; {
	case !ok:
	case mean < known:
		mean = (known + mean) / 2
	default:
		mean = known + (mean-known)/16
	}

	p.means[taskType] = mean
}

// of returns how long a task of the type usually takes. If no process has
// published an estimate, of returns 0.
func (p *durations) of(taskType string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()

	if mean, ok := p.means[taskType]; ok {
		return mean
	}

	told, ok := p.told[taskType]
	p.asked = p.asked || !ok

	return told
}

// news returns the estimates to publish: those of types that have no published
// estimate, and those that differ from the published one by a factor of two or
// more. more reports whether of was called for a type without an estimate.
func (p *durations) news() (tell map[string]time.Duration, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()

	tell = maps.Clone(p.means)
	maps.DeleteFunc(tell, func(name string, mean time.Duration) bool {
		told := p.told[name]
		return mean < 2*told && told < 2*mean
	})

	return tell, p.asked
}

func (p *durations) heard(told, said map[string]time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()

	maps.Copy(told, said)
	p.told, p.asked = told, false
}

// shareDurations publishes the estimates of this process and reads those of
// other processes. It does so if there are estimates to publish, if one is
// missing, or if due is set. Estimates are hints: if the exchange fails, the
// next call repeats it.
func (m *Machine) shareDurations(ctx context.Context, due bool) {
	if m.durations.disabled {
		return
	}

	tell, asked := m.durations.news()
	if len(tell) == 0 && !asked && !due {
		return
	}

	limit, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()

	told, err := m.store.ShareDurations(limit, tell)
	if err != nil {
		m.log.Debug("sharing task durations failed", keys.Error, err)
		return
	}

	m.durations.heard(told, tell)
}
