package api

import (
	"context"
	"slices"
	"testing"
	"time"

	"coremachine/internal/view"
)

// fakeQueues returns preset readings. The tests control the clock.
type fakeQueues struct {
	depth int
	flow  view.Flow
}

func (f *fakeQueues) ReadQueues(context.Context) ([]view.QueueView, error) {
	return []view.QueueView{{Queue: "tasks", Ready: f.depth, Dead: 7}}, nil
}
func (f *fakeQueues) ReadFlow(context.Context) (view.Flow, error) { return f.flow, nil }

// memory reads queues at a time that the test sets, and returns the history.
type memory struct {
	*Queues
	t    *testing.T
	at   time.Time
	fake *fakeQueues
}

func newMemory(t *testing.T) *memory {
	t.Helper()

	fake := &fakeQueues{}
	m := &memory{Queues: NewQueues(fake), t: t, at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), fake: fake}
	m.now = func() time.Time { return m.at }

	return m
}

func (m *memory) look(after time.Duration, depth int, made, gone int64) RecentView {
	m.t.Helper()
	m.at = m.at.Add(after)
	m.fake.depth, m.fake.flow = depth, view.Flow{Made: made, Gone: gone}

	v, err := m.Read(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}

	return v.Recent
}

// line returns the depths, with -1 for steps without a reading.
func line(v RecentView) []int {
	var all []int

	for _, d := range v.Depths["tasks"] {
		if d == nil {
			all = append(all, -1)
		} else {
			all = append(all, *d)
		}
	}

	return all
}

func TestQueueHistoryHasOneSamplePerStep(t *testing.T) {
	t.Parallel()
	m := newMemory(t)

	v := m.look(3*time.Second, 5, 1000, 900)
	if !slices.Equal(line(v), []int{5}) || v.Seconds != 0 || v.In != 0 ||
		!v.Since.Equal(m.at.Truncate(depthStep)) {
		t.Errorf("after the first reading: %+v", v)
	}

	m.look(2*time.Second, 8, 1010, 905) // same step: the later sample counts

	v = m.look(25*time.Second, 2, 1100, 1000)
	if !slices.Equal(line(v), []int{8, -1, -1, 2}) || v.Seconds != 25 || v.In != 90 || v.Out != 95 {
		t.Errorf("after a gap: %v %+v", line(v), v)
	}

	v = m.look(50*time.Second, 1, 1200, 1150)
	if v.Seconds != 50 || v.In != 100 || v.Out != 150 {
		t.Errorf("samples older than the window: %+v", v)
	}

	v = m.look(9*time.Minute, 4, 1300, 1250)
	if !slices.Equal(line(v)[len(line(v))-1:], []int{4}) || len(v.Depths["tasks"]) > depthSteps ||
		v.Seconds != 0 {
		t.Errorf("after a long time without readings: %v %+v", line(v), v)
	}

	v = m.look(11*time.Minute, 3, 1400, 1350)
	if !slices.Equal(line(v), []int{3}) {
		t.Errorf("after all samples expired: %v", line(v))
	}
}

func TestStatisticsResetDoesNotCountTwice(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	m.look(0, 1, 1_000_000, 1_000_000)

	v := m.look(20*time.Second, 1, 10, 5)
	if v.In != 0 || v.Out != 0 {
		t.Errorf("after a reset: %+v", v)
	}

	if v = m.look(20*time.Second, 1, 30, 20); v.In != 20 || v.Out != 15 {
		t.Errorf("after the next reading: %+v", v)
	}
}
