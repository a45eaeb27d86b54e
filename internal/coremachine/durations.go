package coremachine

import (
	"context"
	"maps"
	"sync"
	"time"

	"coremachine/internal/telemetry/keys"
)

// durations is how long a task of each type takes as a rule, when it runs beside the
// others of its message: a moving mean over the messages whose tasks this
// process ran. It falls faster than it rises: on a busy machine most messages
// take longer than their tasks. Of types that it has not run a process knows
// what others tell.
type durations struct {
	mu    sync.Mutex
	means map[string]time.Duration
	told  map[string]time.Duration // by anybody, as last read
	asked bool                     // for a type that nobody has told of
}

// ran tells that n tasks of a type, beside each other, were over after so long.
func (p *durations) ran(taskType string, n int, took time.Duration) {
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

// of is how long a task takes as a rule; 0: nobody has told.
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

// news is what others should be told: types of which they know nothing, or
// something that is wrong by half. more says that somebody asked for what was
// not known.
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

// shareDurations tells other processes how long tasks take and hears it from them:
// where there is news or a question, or else when it is time. It is a hint:
// what cannot be told now is told the next time.
func (m *Machine) shareDurations(ctx context.Context, due bool) {
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
