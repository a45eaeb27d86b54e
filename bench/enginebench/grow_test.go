package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"coremachine/internal/test/pgtest"
)

func TestGrowComparesEachConditionWithAnEmptyDatabase(t *testing.T) {
	t.Parallel()

	args := "grow --n 100 --runs 1 --tasks 500 --jobs 60 --queue 300 --schedules 5 --generations 3"

	out, err := runWith(t, pgtest.Empty(t), strings.Fields(args)...)
	if err != nil {
		t.Fatal(err)
	}

	rows := strings.Split(strings.TrimSpace(out), "\n")[2:]

	for _, want := range []string{
		"| 500 finished tasks | n=100 |", "| 500 finished tasks | 10 jobs of n=10 |",
		"| 60 finished jobs with tags and events | n=100 |",
		"| 60 finished jobs with tags and events | 10 jobs of n=10 |",
		"| 300 messages in the queue | the first 100 messages of one task |",
		"| 5 schedules | n=100 |", "| 5 schedules | 10 jobs of n=10 |",
		"| 3 earlier generations | n=100, run again |", "| 3 earlier generations | 10 jobs of n=10, run again |",
	} {
		if !slices.ContainsFunc(rows, func(row string) bool { return strings.HasPrefix(row, want) }) {
			t.Errorf("no row starts with %s:\n%s", want, out)
		}
	}

	if len(rows) != 9 || strings.Contains(out, " 0 |") || strings.Contains(out, "NaN") {
		t.Errorf("got %d rows, want 9 with figures:\n%s", len(rows), out)
	}
}

func TestGrowRejectsWrongArguments(t *testing.T) {
	t.Parallel()

	for _, args := range []string{"grow --n 9", "grow --runs 0", "grow disk"} {
		_, err := runWith(t, "", strings.Fields(args)...)
		if _, ok := errors.AsType[usageError](err); !ok {
			t.Errorf("%s: got %v, want a usage error", args, err)
		}
	}
}

func TestThousandsSeparatesGroups(t *testing.T) {
	t.Parallel()

	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
