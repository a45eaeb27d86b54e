package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"coremachine/cmd/corectl/internal/render"
)

type helpCmd struct {
	Topic []string `arg:"" optional:"" help:"A command, or exit-codes, output, environment."`
}

// Run prints help. It needs no API.
func (c *helpCmd) Run(_ context.Context, a *app) error {
	var g grammar

	parser, err := newParser(&g, a.console)
	if err != nil {
		return err
	}

	if len(c.Topic) == 0 {
		printOverview(a.out, parser.Model)
		return nil
	}

	if text, known := topics[c.Topic[0]]; known && len(c.Topic) == 1 {
		return a.lines([]string{strings.TrimSpace(text)})
	}

	node := parser.Model.Node
	for _, word := range c.Topic {
		next := child(node, word)
		if next == nil {
			names := append(childNames(parser.Model.Node), slices.Sorted(maps.Keys(topics))...)
			if node != parser.Model.Node {
				names = childNames(node)
			}

			return usagef(
				"no help for %q%s",
				strings.Join(c.Topic, " "),
				first(meant(word, names), ". See `corectl help`."),
			)
		}

		node = next
	}

	printCommand(a.out, parser.Model, node)

	return nil
}

// helpFor answers --help at any position. The part of the command line that can
// be parsed selects the command.
func helpFor(parser *kong.Kong, args []string, con *console) int {
	node := parser.Model.Node
	for _, word := range args {
		if next := child(node, word); next != nil {
			node = next
		}
	}

	if node == parser.Model.Node {
		printOverview(con.out, parser.Model)
		return exitOK
	}

	printCommand(con.out, parser.Model, node)

	return exitOK
}

func child(node *kong.Node, name string) *kong.Node {
	for _, c := range node.Children {
		if c.Name == name && !c.Hidden {
			return c
		}
	}

	return nil
}

func childNames(node *kong.Node) []string {
	var names []string

	for _, c := range node.Children {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}

	return names
}

// everyDay are the groups whose commands the overview explains. Of the other
// groups it lists only the names, so that the overview fits 24 lines.
var everyDay = []string{"start", "jobs"}

// printOverview prints an example and the commands by group, on one screen.
func printOverview(w io.Writer, model *kong.Application) {
	var b strings.Builder
	b.WriteString("corectl runs and watches jobs.\n\n  corectl submit hello_world n=3 --watch\n\n")

	group := ""

	for _, c := range visible(model.Children) {
		title := ""
		if c.Group.Title != group {
			group, title = c.Group.Title, c.Group.Title
		}

		switch {
		case slices.Contains(everyDay, c.Group.Key):
			fmt.Fprintf(&b, "%-9s%-10s%s\n", title, c.Name, c.Help)
		case title != "":
			names := each(
				slices.DeleteFunc(
					visible(model.Children),
					func(o *kong.Node) bool { return o.Group.Key != c.Group.Key },
				),
				func(o *kong.Node) string { return o.Name },
			)
			fmt.Fprintf(&b, "%-9s%s\n", title, strings.Join(names, ", "))
		}
	}

	b.WriteString("\nGlobal flags: --url, --key-file, --context, -o FORMAT, --color, --ascii.\n")
	b.WriteString("More: `corectl help COMMAND`. Topics: exit-codes, output, environment.\n")
	_, _ = io.WriteString(w, b.String())
}

// helpWidth is the width of the help of a command. The manual is generated from
// it, and a terminal of the usual width can show it.
const helpWidth = 80

// printCommand prints an example first, then the arguments and flags.
func printCommand(w io.Writer, model *kong.Application, node *kong.Node) {
	var b strings.Builder

	path := strings.TrimPrefix(node.FullPath(), "corectl ")
	b.WriteString(node.Help + "\n\n")

	for _, example := range examples[path] {
		b.WriteString("  " + example + "\n")
	}

	fmt.Fprintf(&b, "\nUsage: corectl %s%s\n", path, usageTail(node))

	section := func(title string, rows [][]string) {
		if len(rows) == 0 {
			return
		}

		b.WriteString("\n" + title + "\n")

		width := 0
		for _, row := range rows {
			width = max(width, render.Width(row[0]))
		}

		for _, row := range rows {
			for _, line := range render.Hang(fmt.Sprintf("  %-*s  ", width, row[0]), row[1], helpWidth) {
				b.WriteString(strings.TrimRight(line, " ") + "\n")
			}
		}
	}
	section(
		"Commands",
		each(visible(node.Children), func(c *kong.Node) []string { return []string{c.Name, c.Help} }),
	)
	section(
		"Arguments",
		each(node.Positional, func(p *kong.Positional) []string { return []string{argumentName(p), p.Help} }),
	)
	section("Flags", each(shownFlags(node.Flags), flagRow))
	section("Flags of all commands", each(shownFlags(model.Flags), flagRow))

	_, _ = io.WriteString(w, b.String())
}

func visible(nodes []*kong.Node) []*kong.Node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n *kong.Node) bool { return n.Hidden })
}

func usageTail(node *kong.Node) string {
	var tail strings.Builder
	if len(node.Children) > 0 {
		tail.WriteString(" COMMAND")
	}

	for _, p := range node.Positional {
		text := argumentName(p)
		if p.IsSlice() {
			text += " ..."
		}

		if !p.Required {
			text = "[" + text + "]"
		}

		tail.WriteString(" " + text)
	}

	if len(node.Flags) > 0 {
		tail.WriteString(" [flags]")
	}

	return tail.String()
}

func argumentName(p *kong.Positional) string {
	if strings.Contains(p.Name, "=") {
		return p.Name
	}

	return strings.ToUpper(p.Name)
}

func flagRow(f *kong.Flag) []string {
	text := "    --" + f.Name
	if f.Short != 0 {
		text = "-" + string(f.Short) + ", --" + f.Name
	}

	if !f.IsBool() {
		text += " " + first(strings.ToUpper(f.PlaceHolder), strings.ToUpper(f.Name))
	}

	help := f.Help
	if f.HasDefault && f.Default != "" && !f.IsBool() {
		help += " Default: " + f.Default + "."
	}

	return []string{text, help}
}

func shownFlags(flags []*kong.Flag) []*kong.Flag {
	return slices.DeleteFunc(slices.Clone(flags), func(f *kong.Flag) bool { return f.Hidden })
}
