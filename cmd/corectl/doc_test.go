package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestDocIsGenerated renders docs/cli.md from the grammar, so that the page
// lists exactly the flags that exist.
func TestDocIsGenerated(t *testing.T) {
	t.Parallel()

	var g grammar

	parser, err := newParser(&g, &console{})
	if err != nil {
		t.Fatal(err)
	}

	var b strings.Builder
	b.WriteString(
		"# The command line\n\n`corectl` runs and watches jobs from a shell. This reference is for users " +
			"and operators.\n\nBuild it with `go build -o bin/corectl ./cmd/corectl`, or use `go run " +
			"./cmd/corectl` instead. Start with `corectl submit hello_world n=3 --watch`.\n\n" +
			"This page is generated from `cmd/corectl` by its tests.\n\n```\n",
	)
	printOverview(&b, parser.Model)
	b.WriteString("```\n")

	var commands func(nodes []*kong.Node)

	commands = func(nodes []*kong.Node) {
		for _, node := range visible(nodes) {
			b.WriteString("\n## " + strings.TrimPrefix(node.FullPath(), "corectl ") + "\n\n```\n")

			var text strings.Builder
			printCommand(&text, parser.Model, node)
			own, _, _ := strings.Cut(text.String(), "\nFlags of all commands\n")
			b.WriteString(own + "```\n")
			commands(node.Children)
		}
	}
	commands(parser.Model.Children)

	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		b.WriteString("\n## help " + topic + "\n\n```" + topics[topic] + "```\n")
	}

	const path = "../../docs/cli.md"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	if string(want) != b.String() {
		t.Errorf("%s differs from the grammar: go test ./cmd/corectl -run Doc -update", path)
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	t.Parallel()

	var g grammar

	parser, err := newParser(&g, &console{})
	if err != nil {
		t.Fatal(err)
	}

	known := map[string]bool{}

	var walk func(nodes []*kong.Node)

	walk = func(nodes []*kong.Node) {
		for _, node := range visible(nodes) {
			path := strings.TrimPrefix(node.FullPath(), "corectl ")

			known[path] = true
			if len(examples[path]) == 0 || node.Help == "" {
				t.Errorf("%s has no example or no help", path)
			}

			walk(node.Children)
		}
	}
	walk(parser.Model.Children)

	for path := range examples {
		if !known[path] {
			t.Errorf("there is an example of %q, which is not a command", path)
		}
	}
}
