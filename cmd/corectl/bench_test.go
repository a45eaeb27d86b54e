package main

import (
	"encoding/json"
	"strings"
	"testing"

	"coremachine/internal/bench"
	"coremachine/internal/test/pgtest"
)

// TestBenchRunsInEveryMode runs each benchmark with little work and the real
// processes, so that the benchmarks keep working.
func TestBenchRunsInEveryMode(t *testing.T) {
	t.Parallel()

	for _, flags := range []string{
		"--mode engine --transport servicebus", "--mode worker --processes 2", "--mode worker --transport servicebus",
		"--mode functions", "--mode functions --transport servicebus",
	} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			o := patient(t)
			o.env = map[string]string{"DATABASE_URL": pgtest.Empty(t)}

			args := append(
				[]string{
					"bench",
					"hello",
					"latency",
					"--n",
					"20",
					"--jobs",
					"2",
					"--runs",
					"1",
					"-o",
					"json",
				},
				strings.Fields(flags)...)
			got := newAPI(t).run(o, args...)

			var report struct {
				Items []bench.Result `json:"items"`
				Calls float64        `json:"host_calls_per_second"`
			}
			if err := json.Unmarshal(
				[]byte(got.out),
				&report,
			); err != nil || got.code != exitOK ||
				len(report.Items) != 2 {
				t.Fatalf("got %+v, %v", got, err)
			}

			hello, latency := report.Items[0], report.Items[1]
			if hello.Tasks != 80 || hello.Ratio <= 0 || hello.WALBytes <= 0 || latency.P50Ms <= 0 ||
				latency.P99Ms < latency.P50Ms {
				t.Errorf("got %+v", report)
			}

			if (report.Calls > 0) != strings.Contains(flags, "functions") {
				t.Errorf("the host alone makes %f calls/s", report.Calls)
			}
		})
	}
}

func TestBenchExecPassesDatabaseURL(t *testing.T) {
	t.Parallel()
	o := patient(t)
	o.env = map[string]string{"DATABASE_URL": "postgres://nobody@nowhere/x"}

	got := newAPI(t).run(o, "bench", "exec", "--", "sh", "-c", "echo $DATABASE_URL")
	if got.code != exitOK || got.out != "postgres://nobody@nowhere/x\n" {
		t.Errorf("got %+v", got)
	}

	if got := newAPI(t).run(o, "bench", "exec", "--", "false"); got.code != exitOther {
		t.Errorf("failed program: got exit code %d", got.code)
	}

	if got := newAPI(t).run(o, "bench", "--jobs", "1,0"); got.code != exitUsage {
		t.Errorf("without jobs: got exit code %d", got.code)
	}
}
