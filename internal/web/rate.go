package web

import (
	"math"
	"sync"
	"time"
)

// A rate is smoothed over some 10 s; of samples further apart than staleRate
// nothing can be said about now.
const (
	smooth    = 10 * time.Second
	leastGap  = 200 * time.Millisecond
	staleRate = 30 * time.Second
)

// meter makes a rate of a count that grows, from when it was seen.
type meter struct {
	at    time.Time
	count int
	rate  float64
	known bool
}

// see takes a sample and returns the rate per second; not ok: it is not known
// yet.
func (m *meter) see(now time.Time, count int) (rate float64, ok bool) {
	gap := now.Sub(m.at)
	switch {
	case m.at.IsZero() || gap > staleRate || count < m.count:
		*m = meter{at: now, count: count}
	case gap >= leastGap:
		latest := float64(count-m.count) / gap.Seconds()

		weight := 1 - math.Exp(-gap.Seconds()/smooth.Seconds())
		if !m.known {
			weight = 1
		}

		m.rate += weight * (latest - m.rate)
		m.at, m.count, m.known = now, count, true
	}

	return m.rate, m.known
}

// meters are meters by name, forgotten when nobody looks any more.
type meters struct {
	mu  sync.Mutex
	all map[string]*meter
}

func (ms *meters) see(key string, now time.Time, count int) (rate float64, ok bool) {
	ms.mu.Lock()
	defer ms.mu.Unlock()

	if ms.all == nil {
		ms.all = map[string]*meter{}
	}

	m := ms.all[key]
	if m == nil {
		for k, old := range ms.all {
			if now.Sub(old.at) > staleRate {
				delete(ms.all, k)
			}
		}

		m = &meter{}
		ms.all[key] = m
	}

	return m.see(now, count)
}
