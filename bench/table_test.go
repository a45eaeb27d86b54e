package main

import (
	"strings"
	"testing"
)

func TestTheTableTellsRatiosAndProblems(t *testing.T) {
	t.Parallel()
	all := []*contender{
		{name: "ours", engine: "CoreMachine", settings: "engine mode"},
		{name: "ours/functions", engine: "CoreMachine", settings: "Functions mode"},
		{name: "river/a", engine: "River", settings: "slow"},
		{name: "river/b", engine: "River", settings: "quick"},
		{name: "dbos/a", engine: "dbos", variant: "a", problem: "could not be built: no network"},
	}
	samples := map[string][]sample{
		"ours n1000":   {{ms: 90, floor: 10}, {ms: 40, floor: 20}, {ms: 50, floor: 30}},
		"ours latency": {{ms: 3}},

		"ours/functions n1000": {{ms: 62.5}},
		"river/a n1000":        {{ms: 500}},
		"river/b n1000":        {{ms: 250}},
		"river/b latency":      {{ms: 15}},
	}
	got := table(all, options{rounds: 3, shapes: []shape{shapes[0], shapes[2]}}, samples, "0.1", "0.2")
	for _, want := range []string{
		"| CoreMachine | engine mode | 50 | 40000 | 3.0 |\n",
		"| the floor | one connection, prepared | 20 | 100000 | – |\n",
		"| River | quick | 250 | 8000 | 15.0 |\n",
		"| dbos | a | – | – | – |\n",
		"| **ours / River's best** | rates | **5.00** | | **5.00** |\n",
		"| **ours / DBOS's best** | rates | – | | – |\n",
		"| **ours / floor** | rates | **0.40** | | – |\n",
		"| CoreMachine | Functions mode | 62 | 32000 | – |\n",
		"| **Functions / engine mode** | rates | **0.80** | | – |\n",
		"Medians of 3 interleaved rounds",
		"dbos a: could not be built: no network\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing from\n%s", want, got)
		}
	}
}

func TestEachRoundBeginsWithAnotherContender(t *testing.T) {
	t.Parallel()
	a, b, c := &contender{name: "a"}, &contender{name: "b"}, &contender{name: "c"}
	for round, want := range []string{"abc", "bca", "cab", "abc"} {
		var got strings.Builder
		for _, one := range turned([]*contender{a, b, c}, round) {
			got.WriteString(one.name)
		}
		if got.String() != want {
			t.Errorf("round %d has the order %s, want %s", round, got.String(), want)
		}
	}
}
