package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"coremachine/bench/engine"
	"coremachine/internal/test/pgtest"
)

func TestCostMeasuresEveryShapeAndMode(t *testing.T) {
	t.Parallel()

	args := "cost --n 200 --runs 2 --mode engine,worker,functions --processes 1,2 -o json"

	out, err := runWith(t, pgtest.Empty(t), strings.Fields(args)...)
	if err != nil {
		t.Fatal(err)
	}

	var report struct {
		Items []engine.Cost `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Items) != 20 {
		t.Fatalf("got %s, %v", out, err)
	}

	want := map[string]int{"bundled": 800, "small": 80, "messages": 80, "single": 8}
	for _, r := range report.Items {
		if r.Tasks != want[r.Shape] || r.PerSec <= 0 || r.WALBytes <= 0 || r.DiskBytes < 0 || r.Commits <= 0 {
			t.Errorf("got %+v", r)
		}
	}

	if r := report.Items[0]; r.ServerCPU <= 0 && r.OwnCPU <= 0 { // a short run can take less than a tick of one
		t.Errorf("no CPU time was used: %+v", r)
	}
}

func TestCostTableHasARowForEachMeasurement(t *testing.T) {
	t.Parallel()

	got := costLines([]engine.Cost{{
		Mode: "worker", Processes: 4, Load: "one job of 2 × 10000 tasks, bundled", PerSec: 56138.4,
		OwnCPU: 12.4, WALBytes: 1735, DiskBytes: 402, Commits: 0.0034,
	}})
	want := "| one job of 2 × 10000 tasks, bundled | worker | 4 | 56,138 | - | 12 | 1,735 | 402 | 0.003 |"

	if len(got) != 3 || got[2] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCostRejectsWrongArguments(t *testing.T) {
	t.Parallel()

	for _, args := range []string{"cost --n 0", "cost --processes 1,0", "cost large", "cost --mode x"} {
		_, err := runWith(t, "", strings.Fields(args)...)
		if _, ok := errors.AsType[usageError](err); !ok {
			t.Errorf("%s: got %v, want a usage error", args, err)
		}
	}
}
