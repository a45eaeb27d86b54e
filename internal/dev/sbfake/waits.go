package sbfake

import "time"

// waits is a heap of items by time, the soonest first; see container/heap.
type waits []*item

// Len implements heap.Interface.
func (w waits) Len() int { return len(w) }

// Less implements heap.Interface.
func (w waits) Less(i, j int) bool { return w[i].until.Before(w[j].until) }

// Swap implements heap.Interface.
func (w waits) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].place, w[j].place = i, j
}

// Push implements heap.Interface.
func (w *waits) Push(x any) {
	it, ok := x.(*item)
	if !ok {
		panic("sbfake: only items wait")
	}

	it.place = len(*w)
	*w = append(*w, it)
}

// Pop implements heap.Interface.
func (w *waits) Pop() any {
	last := len(*w) - 1
	it := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]

	return it
}

// expiries is a heap of ready messages by expiry time; see container/heap.
type expiries []*item

// Len implements heap.Interface.
func (x expiries) Len() int { return len(x) }

// Less implements heap.Interface.
func (x expiries) Less(i, j int) bool { return x[i].expires.Before(x[j].expires) }

// Swap implements heap.Interface.
func (x expiries) Swap(i, j int) {
	x[i], x[j] = x[j], x[i]
	x[i].turn, x[j].turn = i, j
}

// Push implements heap.Interface.
func (x *expiries) Push(v any) {
	it, ok := v.(*item)
	if !ok {
		panic("sbfake: only items expire")
	}

	it.turn = len(*x)
	*x = append(*x, it)
}

// Pop implements heap.Interface.
func (x *expiries) Pop() any {
	last := len(*x) - 1
	it := (*x)[last]
	(*x)[last] = nil
	*x = (*x)[:last]

	return it
}

// ids are the message IDs that duplicate detection remembers, all for the same
// time.
type ids struct {
	known map[string]struct{}
	order []remembered
}

type remembered struct {
	id    string
	until time.Time
}

func newIDs() ids { return ids{known: map[string]struct{}{}} }

// add remembers an ID. It returns false if the ID is known.
func (s *ids) add(id string, now time.Time, window time.Duration) bool {
	for len(s.order) > 0 && !s.order[0].until.After(now) {
		delete(s.known, s.order[0].id)
		s.order = s.order[1:]
	}

	if _, ok := s.known[id]; ok {
		return false
	}

	s.known[id] = struct{}{}
	s.order = append(s.order, remembered{id, now.Add(window)})

	return true
}
