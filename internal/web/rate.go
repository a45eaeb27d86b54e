package web

import (
	"math"
	"sync"
	"time"
)

// A rate is smoothed over about 10 s. Samples further apart than staleRate say
// nothing about the current rate.
const (
	smooth    = 10 * time.Second
	minGap    = 200 * time.Millisecond
	staleRate = 30 * time.Second
)

// meter computes the rate of a growing count from samples.
type meter struct {
	at    time.Time
	count int
	rate  float64
	known bool
}

// see adds a sample and returns the rate per second. If the rate is not known
// yet, ok is false.
func (m *meter) see(now time.Time, count int) (rate float64, ok bool) {
	gap := now.Sub(m.at)
	switch {
	case m.at.IsZero() || gap > staleRate || count < m.count:
		*m = meter{at: now, count: count}
	case gap >= minGap:
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

// meters holds meters by name and deletes those that are no longer used.
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
