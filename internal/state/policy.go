package state

import (
	"fmt"
	"time"
)

// StageProgress holds the counters and limits of a running stage from which the
// engine decides what happens next.
type StageProgress struct {
	Total, Dispatched            int // tasks
	Completed, Failed, Cancelled int // tasks that have ended, by their ends
	Window                       int // maximum number of dispatched tasks that have not ended
	Bundle                       int // tasks of one message; 0: one
	Tolerance                    float64
}

// StageStep is what follows from the counters of a running stage.
type StageStep int

// The steps of a running stage.
const (
	StepWait     StageStep = iota // for more completions
	StepDispatch                  // the next tasks, up to the window
	StepEnd                       // every task has ended
	StepFail                      // more tasks failed than the job tolerates
)

// Next returns what follows from the counters. A failure takes precedence over
// the end of the stage.
func (p StageProgress) Next() StageStep {
	switch {
	case p.Failed > Tolerated(p.Tolerance, p.Total):
		return StepFail
	case p.Ended() == p.Total:
		return StepEnd
	case p.Dispatched < p.Total:
		return StepDispatch
	}

	return StepWait
}

// Ended returns the number of tasks that have ended.
func (p StageProgress) Ended() int { return p.Completed + p.Failed + p.Cancelled }

// Room returns the number of tasks that the window has room for: whole bundles,
// or all tasks that are left. It can be negative after a window was lowered.
func (p StageProgress) Room() int {
	free := p.Window - max(0, p.Dispatched-p.Ended())

	left := p.Total - p.Dispatched
	if free >= left {
		return left
	}

	bundle := max(1, p.Bundle)
	if free == p.Window { // nothing is in flight: dispatch a bundle that is larger than the window as a whole
		return min(left, max(bundle, free/bundle*bundle))
	}

	return free / bundle * bundle
}

// FailureText describes why a stage with the given name failed its job.
func (p StageProgress) FailureText(stage string) string {
	if p.Tolerance == 0 {
		return fmt.Sprintf("a task of stage %s failed, and the job tolerates none", stage)
	}

	return fmt.Sprintf("%d of %d tasks of stage %s failed; the job tolerates %d (%s)",
		p.Failed, p.Total, stage, Tolerated(p.Tolerance, p.Total), TolerancePercent(p.Tolerance))
}

// StageStart holds what decides how a stage begins whose last dependency has
// ended.
type StageStart struct {
	Kind        Parallelism
	Skip        bool
	Expected    int  // number of tasks, for kinds whose declaration contains it
	SourceTotal int  // tasks of the stage that a match_previous stage follows
	SourceClean bool // each of them completed
}

// StartStep is how a stage begins.
type StartStep int

// The ways in which a stage begins.
const (
	StartSkip     StartStep = iota // it is skipped
	StartEmpty                     // it has no task and completes immediately
	StartPlan                      // a plan message computes its tasks
	StartDispatch                  // its first tasks are dispatched
)

// Next returns how the stage begins.
func (s StageStart) Next() StartStep {
	total := s.Total()

	switch {
	case s.Skip:
		return StartSkip
	case total == 0:
		return StartEmpty
	case total < 0, s.Kind == MatchPrevious && !s.SourceClean:
		return StartPlan
	}

	return StartDispatch
}

// Total returns the number of tasks that the stage will have, or -1 if only the
// plan of the stage determines it.
func (s StageStart) Total() int {
	switch s.Kind {
	case FanOut:
		return -1
	case MatchPrevious:
		return s.SourceTotal
	case Single, FanIn, Dynamic:
		return s.Expected
	}

	return -1
}

// Bounds of a bundle that the engine chooses.
const (
	maxBundle = 256
	// bundleTime is the work that makes sending a message worth its cost.
	bundleTime = 20 * time.Millisecond
	// bundleShares is the minimum number of messages of a stage with short tasks:
	// a process works on them concurrently.
	bundleShares = 4
	// smallBundle is a number of short tasks that is not worth sharing.
	smallBundle = 16
	// manyMessages is the minimum number of messages of a large stage.
	manyMessages = 64
)

// BundleSize returns how many tasks a message of a stage carries: the declared
// number, or else a number that gives a large stage at least 64 messages, and at
// most 256. If the duration of a task is known (taskTime above 0) and short, a
// bundle has as many tasks as fill 20 ms, as long as enough are left for other
// bundles. A bundle that turns out slow is split, so a wrong guess costs little.
func BundleSize(declared, total int, taskTime time.Duration) int {
	if declared > 0 {
		return declared
	}

	bundle := max(1, total/manyMessages)
	if taskTime > 0 {
		share := max(smallBundle, (total+bundleShares-1)/bundleShares)
		bundle = max(bundle, min(int(bundleTime/taskTime), share))
	}

	return min(maxBundle, bundle)
}

const (
	// localMessages is how many messages of a stage the process that starts it
	// may claim; bundleShares if its tasks are short.
	localMessages = 2
	// shortShare is how many short tasks take the room of one: they end before
	// the others begin.
	shortShare = 8
)

// LocalShare returns how many messages of a stage the process that starts it may
// claim at most, and the room that each of them takes there.
func LocalShare(total, bundle int, taskTime time.Duration) (messages, room int) {
	messages = (total + bundle - 1) / bundle
	if Short(taskTime) {
		return min(messages, bundleShares), max(1, bundle/shortShare)
	}

	return min(messages, localMessages), bundle
}
