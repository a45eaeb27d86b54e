package state_test

import (
	"strings"
	"testing"
	"time"

	"coremachine/internal/state"
)

func TestAStageFailsWithTheFirstTaskOverItsTolerance(t *testing.T) {
	t.Parallel()

	p := state.StageProgress{Total: 100, Tolerance: 0.29, Dispatched: 100, Completed: 10, Failed: 29}
	if got := p.Next(); got != state.StepWait {
		t.Errorf("29 failed tasks of 100 lead to step %d, want to wait", got)
	}

	p.Failed = 30
	if got := p.Next(); got != state.StepFail {
		t.Errorf("30 failed tasks of 100 lead to step %d, want to fail", got)
	}

	if got := p.FailureText("tiles"); !strings.Contains(got, "30 of 100") || !strings.Contains(got, "29 (29 %)") {
		t.Errorf("the failure says %q, want the count and the tolerance", got)
	}
}

func TestWhatFollowsFromTheCountersOfAStage(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		progress state.StageProgress
		want     state.StageStep
	}{
		"tasks in flight":        {state.StageProgress{Total: 4, Dispatched: 4, Completed: 3}, state.StepWait},
		"tasks left to dispatch": {state.StageProgress{Total: 9, Dispatched: 4, Completed: 4}, state.StepDispatch},
		"every task completed":   {state.StageProgress{Total: 4, Dispatched: 4, Completed: 4}, state.StepEnd},
		"tolerated failures": {
			state.StageProgress{Total: 4, Dispatched: 4, Completed: 2, Failed: 2, Tolerance: 0.5},
			state.StepEnd,
		},
		"cancelled tasks count": {
			state.StageProgress{Total: 4, Dispatched: 4, Completed: 2, Cancelled: 2}, state.StepEnd,
		},
		"the last task is too bad": {
			state.StageProgress{Total: 4, Dispatched: 4, Completed: 3, Failed: 1}, state.StepFail,
		},
	} {
		if got := tt.progress.Next(); got != tt.want {
			t.Errorf("%s: step %d, want %d", name, got, tt.want)
		}
	}
}

func TestTheWindowHasRoomForWholeBundles(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		progress state.StageProgress
		want     int
	}{
		"all that is left": {state.StageProgress{Total: 10, Window: 16, Bundle: 4}, 10},
		"whole bundles":    {state.StageProgress{Total: 100, Window: 10, Bundle: 4}, 8},
		"next to tasks in flight": {
			state.StageProgress{Total: 100, Window: 10, Bundle: 4, Dispatched: 8, Completed: 3}, 4,
		},
		"no room for a bundle":      {state.StageProgress{Total: 100, Window: 10, Bundle: 4, Dispatched: 8}, 0},
		"a bundle above the window": {state.StageProgress{Total: 100, Window: 10, Bundle: 16}, 16},
		"the window was lowered": {
			state.StageProgress{Total: 100, Window: 2, Bundle: 1, Dispatched: 8, Completed: 1}, -5,
		},
		"a bundle above what is left": {
			state.StageProgress{Total: 20, Window: 10, Bundle: 16, Dispatched: 10, Completed: 10}, 10,
		},
		"no bundle size means one task": {state.StageProgress{Total: 100, Window: 10, Dispatched: 7}, 3},
	} {
		if got := tt.progress.Room(); got != tt.want {
			t.Errorf("%s: room for %d tasks, want %d", name, got, tt.want)
		}
	}
}

func TestHowAStageBegins(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		start state.StageStart
		want  state.StartStep
	}{
		"skipped":              {state.StageStart{Kind: state.Single, Expected: 1, Skip: true}, state.StartSkip},
		"no tasks":             {state.StageStart{Kind: state.Dynamic}, state.StartEmpty},
		"a known number":       {state.StageStart{Kind: state.Dynamic, Expected: 7}, state.StartDispatch},
		"a fan-out is planned": {state.StageStart{Kind: state.FanOut}, state.StartPlan},
		"follows a clean stage": {
			state.StageStart{Kind: state.MatchPrevious, SourceTotal: 3, SourceClean: true},
			state.StartDispatch,
		},
		"follows failed tasks": {state.StageStart{Kind: state.MatchPrevious, SourceTotal: 3}, state.StartPlan},
		"follows no task":      {state.StageStart{Kind: state.MatchPrevious}, state.StartEmpty},
	} {
		if got := tt.start.Next(); got != tt.want {
			t.Errorf("%s: step %d, want %d", name, got, tt.want)
		}
	}
}

func TestBundleSizes(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		declared, total int
		taskTime        time.Duration
		want            int
	}{
		"declared":                        {declared: 5, total: 10_000, want: 5},
		"a small stage":                   {total: 63, want: 1},
		"64 messages":                     {total: 6400, want: 100},
		"at most 256":                     {total: 1_000_000, want: 256},
		"short tasks fill the time":       {total: 1000, taskTime: 100 * time.Microsecond, want: 200},
		"short tasks leave others some":   {total: 100, taskTime: 100 * time.Microsecond, want: 25},
		"few short tasks are one message": {total: 10, taskTime: 100 * time.Microsecond, want: 16},
		"long tasks":                      {total: 63, taskTime: time.Second, want: 1},
	} {
		if got := state.BundleSize(tt.declared, tt.total, tt.taskTime); got != tt.want {
			t.Errorf("%s: a bundle of %d tasks, want %d", name, got, tt.want)
		}
	}
}

func TestTheShareOfTheProcessThatStartsAStage(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		total, bundle  int
		taskTime       time.Duration
		messages, room int
	}{
		"one message":            {total: 3, bundle: 8, messages: 1, room: 8},
		"two of many":            {total: 100, bundle: 8, messages: 2, room: 8},
		"short tasks take less":  {total: 1000, bundle: 200, taskTime: 100 * time.Microsecond, messages: 4, room: 25},
		"short tasks, one place": {total: 4, bundle: 4, taskTime: 100 * time.Microsecond, messages: 1, room: 1},
	} {
		messages, room := state.LocalShare(tt.total, tt.bundle, tt.taskTime)
		if messages != tt.messages || room != tt.room {
			t.Errorf("%s: %d messages of room %d, want %d of %d", name, messages, room, tt.messages, tt.room)
		}
	}
}
