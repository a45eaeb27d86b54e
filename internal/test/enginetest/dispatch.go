package enginetest

import (
	"slices"
	"strings"
	"testing"
)

// Dispatch selects how a process gets the work that its own commits start.
type Dispatch string

// The two modes. A process that receives messages itself dispatches locally:
// part of the work that a commit starts continues in the same process without
// the queue. A process that a Functions host feeds never dispatches locally.
const (
	Local Dispatch = "local_dispatch"
	Queue Dispatch = "queue_only"
)

// InBothModes runs a test again as two subtests, one for each mode of Dispatch,
// and then returns true. Inside these subtests it returns false. A test calls
// it first, with itself:
//
//	func TestX(t *testing.T) {
//		t.Parallel()
//		if enginetest.InBothModes(t, TestX) {
//			return
//		}
//
// Every engine that a subtest starts then has the mode of the subtest.
func InBothModes(t *testing.T, test func(*testing.T)) (forked bool) {
	t.Helper()

	if DispatchOf(t) != "" {
		return false
	}

	for _, mode := range []Dispatch{Local, Queue} {
		t.Run(string(mode), test)
	}

	return true
}

// DispatchOf returns the mode of the InBothModes subtest that t belongs to, or
// "" if there is none.
func DispatchOf(t testing.TB) Dispatch {
	t.Helper()

	parts := strings.Split(t.Name(), "/")
	for _, mode := range []Dispatch{Local, Queue} {
		if slices.Contains(parts, string(mode)) {
			return mode
		}
	}

	return ""
}
