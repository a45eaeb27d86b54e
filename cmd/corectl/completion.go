package main

import (
	"context"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"coremachine/internal/state"
)

type completionCmd struct {
	Shell string `arg:"" help:"bash, zsh, fish or powershell."`
}

// Run prints the completion script of a shell.
func (c *completionCmd) Run(_ context.Context, a *app) error {
	script, known := completionScripts[c.Shell]
	if !known {
		shells := []string{"bash", "fish", "powershell", "zsh"}

		return usagef(
			"unknown shell %q%s Shells: %s",
			c.Shell,
			first(meant(c.Shell, shells), "."),
			strings.Join(shells, ", "),
		)
	}

	_, err := a.out.Write([]byte(script))

	return err
}

// completeCmd is the command that the scripts call, with the words after
// corectl. The last word is the incomplete one. The command uses no network.
type completeCmd struct {
	Words []string `arg:"" optional:""`
}

// Run prints one candidate per line.
func (c *completeCmd) Run(_ context.Context, a *app) error {
	var g grammar

	parser, err := newParser(&g, a.console)
	if err != nil {
		return err
	}

	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}

	if len(words) == 0 {
		words = []string{""}
	}

	return a.lines(candidates(parser.Model, words, recentJobs(a.stateDir), a.contextNames()))
}

// contextNames returns the names of all contexts. If they cannot be read, there
// is only the default one.
func (a *app) contextNames() []string {
	all, err := a.readContexts()
	if err != nil {
		return []string{defaultContext}
	}

	return append(all.names(), defaultContext)
}

// candidates returns the possible completions of the last word.
func candidates(model *kong.Application, words []string, recent []recentJob, contexts []string) []string {
	node, flags := model.Node, model.Flags
	done, last := words[:len(words)-1], words[len(words)-1]

	var plain []string

	for i := 0; i < len(done); i++ {
		word := done[i]
		if flag := flagNamed(flags, word); flag != nil {
			if !flag.IsBool() && !strings.Contains(word, "=") {
				i++ // skip its value
			}

			continue
		}

		if next := child(node, word); next != nil && len(plain) == 0 {
			node, flags = next, slices.Concat(model.Flags, next.Flags)
			continue
		}

		plain = append(plain, word)
	}

	if len(done) > 0 {
		if flag := flagNamed(flags, done[len(done)-1]); flag != nil && !flag.IsBool() &&
			!strings.Contains(done[len(done)-1], "=") {
			if flag.Name == "context" {
				return begin(contexts, last)
			}

			return begin(flagValues(node.Name, flag.Name), last)
		}
	}

	if strings.HasPrefix(last, "-") {
		return begin(flagWords(flags), last)
	}

	if len(node.Children) > 0 {
		return begin(childNames(node), last)
	}

	takesContext := node.Name == "use" || node.Name == "remove" && node.Parent.Name == "context"
	if takesContext && len(plain) == 0 {
		return begin(contexts, last)
	}

	if node.Name == "job" && node.Parent.Name == "remove" && len(plain) == 0 {
		return begin(knownTypes(), last)
	}

	return begin(arguments(model, node, len(plain), recent), last)
}

func flagNamed(flags []*kong.Flag, word string) *kong.Flag {
	for _, f := range flags {
		long, _, _ := strings.Cut(word, "=")
		if long == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) {
			return f
		}
	}

	return nil
}

func flagWords(flags []*kong.Flag) []string {
	words := []string{"--help"}
	for _, f := range shownFlags(flags) {
		words = append(words, "--"+f.Name)
	}

	return words
}

func flagValues(command, name string) []string {
	switch name {
	case "output":
		return []string{"table", "json", "jsonl", "name"}
	case "color":
		return []string{"auto", "always", "never"}
	case "status":
		if command == "tasks" {
			return each(state.TaskStatuses, func(s state.TaskStatus) string { return string(s) })
		}

		return each(state.JobStatuses, func(s state.JobStatus) string { return string(s) })
	case "type":
		return knownTypes()
	}

	return nil
}

// arguments returns the candidates of argument number n of a command, from 0.
func arguments(model *kong.Application, node *kong.Node, n int, recent []recentJob) []string {
	if n > 0 {
		return nil
	}

	switch node.Name {
	case "submit", "types", "demo":
		return knownTypes()
	case "status", "tasks", "task", "logs", "failures", "events", "cancel", "retry", "delete", "open", "start", "tag":
		ids := []string{"@last"}
		for _, job := range recent {
			ids = append(ids, job.JobID.String())
		}

		return ids
	case "list", "redrive":
		return each(state.Queues, state.Queue.String)
	case "completion":
		return []string{"bash", "fish", "powershell", "zsh"}
	case "help":
		return append(childNames(model.Node), "environment", "exit-codes", "output")
	}

	return nil
}

func begin(words []string, prefix string) []string {
	var out []string

	for _, word := range words {
		if strings.HasPrefix(word, prefix) {
			out = append(out, word)
		}
	}

	slices.Sort(out)

	return slices.Compact(out)
}
