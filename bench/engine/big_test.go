package engine_test

import (
	"log/slog"
	"testing"

	"coremachine/bench/engine"
	"coremachine/internal/test/pgtest"
)

func smallOptions(t *testing.T) engine.Options {
	t.Helper()
	return engine.Options{URL: pgtest.Empty(t), N: 100, Jobs: 1, Runs: 1, Log: slog.New(slog.DiscardHandler)}
}

func TestMillionTellsOfTheJobAndOfItsNeighbours(t *testing.T) {
	t.Parallel()
	o := smallOptions(t)
	o.N = 10_100 // more than a stage plans in one statement

	r, err := engine.Million(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}

	if r.Tasks != 20_201 || r.PerSec <= 0 || r.SmallPerSec <= 0 || len(r.TotalMs) != 3 || r.Beside == 0 ||
		r.StatusMs <= 0 ||
		r.ListMs <= 0 {
		t.Errorf("%+v", r)
	}
}

func TestAgedComparesWithAnEmptyDatabase(t *testing.T) {
	t.Parallel()

	all, err := engine.Aged(t.Context(), smallOptions(t), 12_000)
	if err != nil {
		t.Fatal(err)
	}

	if len(all) != 2 {
		t.Fatalf("%d results", len(all))
	}

	for _, r := range all {
		if r.PerSec <= 0 || r.Other <= 0 || r.Ratio != r.Other/r.PerSec || r.Finished != 12_000 ||
			r.FillMs <= 0 {
			t.Errorf("%+v", r)
		}
	}
}

func TestRetentionDeletesMeanwhile(t *testing.T) {
	t.Parallel()

	r, err := engine.Retention(t.Context(), smallOptions(t), 12_000)
	if err != nil {
		t.Fatal(err)
	}

	if r.PerSec <= 0 || r.Other <= 0 || r.PurgeMs <= 0 || r.Runs == 0 {
		t.Errorf("%+v", r)
	}
}

func TestTaggedReadsEveryList(t *testing.T) {
	t.Parallel()

	o := smallOptions(t)
	o.N = 10

	all, err := engine.Tagged(t.Context(), o, 2000)
	if err != nil {
		t.Fatal(err)
	}

	for _, r := range all {
		if r.P50 <= 0 || r.P95 < r.P50 || r.Most < r.P95 || r.Reads != 10 {
			t.Errorf("%+v", r)
		}
	}
}
