package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"coremachine/bench/engine"
	"coremachine/internal/test/pgtest"
)

// TestMain is also the program itself, in the roles in which it starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"worker", "handler", "host", "echo"}, os.Args[1]) {
		main()
		os.Exit(0)
	}

	pgtest.Main(m)
}

func runWith(t *testing.T, url string, args ...string) (string, error) {
	t.Helper()

	var out, errs bytes.Buffer

	err := run(t.Context(), args, &app{
		in: strings.NewReader(""), out: &out, err: &errs,
		getenv: func(name string) string {
			if name == "DATABASE_URL" {
				return url
			}

			return os.Getenv(name)
		},
	})

	return out.String(), err
}

// TestRunMeasuresEveryMode keeps the benchmarks from rotting: small, with the
// real processes.
func TestRunMeasuresEveryMode(t *testing.T) {
	t.Parallel()

	for _, flags := range []string{
		"--mode engine --transport servicebus", "--mode worker --processes 2", "--mode worker --transport servicebus",
		"--mode functions", "--mode functions --transport servicebus",
	} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()

			args := strings.Fields("hello latency --n 20 --jobs 2 --runs 1 -o json " + flags)

			out, err := runWith(t, pgtest.Empty(t), args...)
			if err != nil {
				t.Fatal(err)
			}

			var report struct {
				Items []engine.Result `json:"items"`
				Calls float64         `json:"host_calls_per_second"`
			}
			if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Items) != 2 {
				t.Fatalf("got %s, %v", out, err)
			}

			hello, latency := report.Items[0], report.Items[1]
			if hello.Tasks != 80 || hello.Ratio <= 0 || hello.WALBytes <= 0 || latency.P50Ms <= 0 ||
				latency.P99Ms < latency.P50Ms {
				t.Errorf("got %+v", report)
			}

			if (report.Calls > 0) != strings.Contains(flags, "functions") {
				t.Errorf("the bare host makes %f calls/s", report.Calls)
			}
		})
	}
}

func TestExecSetsTheDatabase(t *testing.T) {
	t.Parallel()

	out, err := runWith(t, "postgres://user@nowhere/x", "exec", "--", "sh", "-c", "echo $DATABASE_URL")
	if err != nil || out != "postgres://user@nowhere/x\n" {
		t.Errorf("got %q, %v", out, err)
	}

	if _, err := runWith(t, "postgres://user@nowhere/x", "exec", "--", "false"); err == nil {
		t.Error("a program that fails ends without an error")
	}
}

func TestRunRefusesWrongArguments(t *testing.T) {
	t.Parallel()

	for _, args := range []string{"--jobs 1,0", "helo", "--mode x"} {
		_, err := runWith(t, "", strings.Fields(args)...)
		if _, ok := errors.AsType[usageError](err); !ok {
			t.Errorf("%s: got %v, want a usage error", args, err)
		}
	}
}
