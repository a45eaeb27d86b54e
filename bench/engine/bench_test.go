package engine_test

import (
	"context"
	"log/slog"
	"testing"

	"coremachine/bench/engine"
	"coremachine/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestEveryWorkloadRuns keeps the benchmarks from rotting: each runs once,
// small.
func TestEveryWorkloadRuns(t *testing.T) {
	t.Parallel()

	for _, workload := range engine.Workloads {
		t.Run(workload, func(t *testing.T) {
			t.Parallel()

			res, err := engine.Run(context.Background(), engine.Options{
				URL: pgtest.Empty(
					t,
				),
				Workload: workload,
				N:        20,
				Jobs:     2,
				Runs:     1,
				Log:      slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}

			if res.Tasks == 0 || res.PerSec <= 0 || (res.FloorMs > 0) != (res.Ratio > 0) {
				t.Errorf("%+v", res)
			}
		})
	}

	if _, err := engine.Run(context.Background(), engine.Options{Workload: "nonsense"}); err == nil {
		t.Error("an unknown workload runs")
	}
}
