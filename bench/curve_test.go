package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCurvesAreMeasuredInTurnAndWritten(t *testing.T) {
	t.Parallel()

	folder := t.TempDir()
	ours, figures := filepath.Join(folder, "ours"), filepath.Join(folder, "throughput.csv")
	answer := "#!/bin/sh\necho '{\"items\":[{\"ms\":20,\"floor_ms\":10}]}'\n"

	if err := os.WriteFile(ours, []byte(answer), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}

	all := []*contender{
		{name: "ours", engine: "CoreMachine", settings: "engine mode"},
		{name: "dbos/steps", engine: "dbos", program: "dbos", variant: "steps", problem: "could not be built"},
	}
	o := options{
		ours: ours, rounds: 1, progress: t.Logf,
		curves: curveOptions{figures: figures, most: 10, n: 1000, processes: 2, limit: time.Minute},
	}

	if err := runCurves(t.Context(), folder, all, o); err != nil {
		t.Fatal(err)
	}

	got, err := os.ReadFile(figures)
	if err != nil {
		t.Fatal(err)
	}

	want := strings.Join([]string{
		"chart,name,engine,settings,n,processes,ms,tasks_per_second",
		"tasks,ours,CoreMachine,engine mode,1,1,20.0,100",
		"tasks,ours,CoreMachine,engine mode,10,1,20.0,1000",
		"tasks,floor,the floor,\"one connection, prepared\",1,1,10.0,200",
		"tasks,floor,the floor,\"one connection, prepared\",10,1,10.0,2000",
		"processes,ours,CoreMachine,worker mode,1000,1,20.0,100000",
		"processes,ours,CoreMachine,worker mode,1000,2,20.0,100000",
		"processes,floor,the floor,\"one connection, prepared\",1000,1,10.0,200000",
		"processes,floor,the floor,\"one connection, prepared\",1000,2,10.0,200000",
		"",
	}, "\n")
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMeasurementsThatTakeTooLongAreLeftOut(t *testing.T) {
	t.Parallel()

	before := point{n: 1000}
	for _, tt := range []struct {
		ms   float64
		next point
		want bool
	}{
		{900, point{n: 10_000}, false},
		{1100, point{n: 10_000}, true},
		{9000, point{n: 1000}, false}, // more processes
		{11_000, point{n: 1000}, true},
	} {
		if got := tooLong([]sample{{ms: tt.ms}}, before, tt.next, 10*time.Second); got != tt.want {
			t.Errorf("%v ms, then n=%d: got %t, want %t", tt.ms, tt.next.n, got, tt.want)
		}
	}

	if !tooLong(nil, before, point{n: 10_000}, time.Hour) {
		t.Error("a measurement after one that was left out runs")
	}
}

func TestCurveTableHasARowForEachEngine(t *testing.T) {
	t.Parallel()

	got := curveTables([]figure{
		{byTasks, "ours", "CoreMachine", "engine mode", 1, 1, 4},
		{byTasks, "ours", "CoreMachine", "engine mode", 1000, 1, 40},
		{byTasks, "river/a", "River", "tuned", 1, 1, 10},
		{byProcesses, "ours", "CoreMachine", "worker mode", 1000, 4, 50},
	}, 1, "0.1", "0.2")
	for _, want := range []string{
		"| engine | settings | n=1 | n=1000 |\n", "| CoreMachine | engine mode | 500 | 50000 |\n",
		"| River | tuned | 200 | – |\n", "| CoreMachine | worker mode | 40000 |\n", "Medians of 1 rounds",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing from\n%s", want, got)
		}
	}
}
