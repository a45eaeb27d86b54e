package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"coremachine/internal/view"
)

// Limits of the history of the queues: one depth per step for a period, and the
// messages created and ended within a window.
const (
	depthStep  = 10 * time.Second
	depthSteps = 60
	flowWindow = 60 * time.Second
)

// QueueReader reads queues. repo.Repo implements it.
type QueueReader interface {
	ReadQueues(ctx context.Context) ([]view.QueueView, error)
	ReadFlow(ctx context.Context) (view.Flow, error)
}

// Queues reads the queues and remembers its readings. It has no timer: if a
// step received no request, the step is missing. Each process remembers only
// its own readings.
type Queues struct {
	reader QueueReader
	now    func() time.Time

	mu      sync.Mutex
	samples []sample // the oldest first, one per step
}

type sample struct {
	at     time.Time
	flow   view.Flow
	depths map[string]int
}

// QueuesView is the list of queues with their recent history.
type QueuesView struct {
	list[view.QueueView]
	Recent RecentView `json:"recent"`
}

// RecentView is the recent history of the queues in this process.
type RecentView struct {
	Since time.Time `json:"since"`        // time of the first depth
	Step  int       `json:"step_seconds"` // seconds between two depths
	// Unfinished messages by queue, the latest last; null if there was no reading.
	Depths  map[string][]*int `json:"depths"`
	Seconds float64           `json:"seconds"`      // period of messages_in and messages_out; 0 if not known yet
	In      int64             `json:"messages_in"`  // messages created in the period, all queues
	Out     int64             `json:"messages_out"` // messages finished or dropped in the period
}

// NewQueues returns a Queues without history.
func NewQueues(r QueueReader) *Queues { return &Queues{reader: r, now: time.Now} }

// Read reads the queues.
func (q *Queues) Read(ctx context.Context) (QueuesView, error) {
	views, err := q.reader.ReadQueues(ctx)
	if err != nil {
		return QueuesView{}, err
	}

	flow, err := q.reader.ReadFlow(ctx)
	if err != nil {
		return QueuesView{}, err
	}

	one := sample{at: q.now(), flow: flow, depths: map[string]int{}}
	for _, v := range views {
		one.depths[v.Queue] = v.Ready + v.Scheduled + v.Sent + v.Held
	}

	q.mu.Lock()
	defer q.mu.Unlock()

	q.keep(one)

	return QueuesView{list[view.QueueView]{Items: views}, q.recent(one)}, nil
}

// keep stores a sample for its step and deletes the oldest ones.
func (q *Queues) keep(one sample) {
	step := one.at.Truncate(depthStep)

	if n := len(q.samples); n > 0 {
		last := q.samples[n-1]
		if one.flow.Made < last.flow.Made || one.flow.Gone < last.flow.Gone { // the statistics were reset
			for i := range q.samples {
				q.samples[i].flow = one.flow
			}
		}

		if !last.at.Before(step) {
			q.samples = q.samples[:n-1]
		}
	}

	q.samples = append(q.samples, one)
	oldest := step.Add(-(depthSteps - 1) * depthStep)
	q.samples = slices.DeleteFunc(q.samples, func(s sample) bool { return s.at.Before(oldest) })
}

func (q *Queues) recent(now sample) RecentView {
	v := RecentView{
		Since:  q.samples[0].at.Truncate(depthStep).UTC(),
		Step:   int(depthStep / time.Second),
		Depths: map[string][]*int{},
	}

	steps := int(now.at.Truncate(depthStep).Sub(v.Since)/depthStep) + 1
	for name := range now.depths {
		v.Depths[name] = make([]*int, steps)
	}

	for i, s := range q.samples {
		for name, depth := range s.depths {
			v.Depths[name][int(s.at.Sub(v.Since)/depthStep)] = &depth
		}

		if age := now.at.Sub(s.at); v.Seconds == 0 && age > 0 && age < flowWindow+depthStep &&
			i < len(q.samples)-1 {
			v.Seconds, v.In, v.Out = age.Seconds(), now.flow.Made-s.flow.Made, now.flow.Gone-s.flow.Gone
		}
	}

	return v
}
