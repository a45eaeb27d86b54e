package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/view"
)

// app is what a command works with: the console, the settings and the API.
type app struct {
	*console
	given   globals
	format  string // table, json, jsonl or name
	style   render.Style
	api     *client.Client
	context string // name of the context; empty if the address is given or the default
	args    []string
	served  bool // whether the API has answered, so that its pages can be read
}

// localCommands call no API, or start one of their own. They also work if the
// current context is wrong.
var localCommands = []string{
	"demo", "dev", "new", "package", "listen", "migrate", "context", "completion", "version", "help", "__complete",
}

func newApp(con *console, g globals, command string) (*app, error) {
	a := &app{console: con, given: g, format: first(g.Output, con.getenv("CORECTL_OUTPUT"), "table")}
	switch a.format {
	case "table", "json", "jsonl", "name":
	default:
		return nil, usagef("unknown output format %q%s Formats: table, json, jsonl, name", a.format,
			first(meant(a.format, []string{"table", "json", "jsonl", "name"}), "."))
	}

	dumb := con.getenv("TERM") == "dumb"
	a.style.Color = g.Color == "always" ||
		g.Color == "auto" && con.errTTY && con.getenv("NO_COLOR") == "" && !dumb
	a.style.ASCII = g.ASCII

	to := target{url: client.Default}

	if !slices.Contains(localCommands, command) {
		var err error
		if to, err = con.target(g); err != nil {
			return nil, err
		}
	}

	api, err := client.New(to.url, to.key)
	if err != nil {
		return nil, usagef("%v", err)
	}

	api.Agent = "corectl"
	a.api, a.context = api, to.context

	return a, nil
}

func (a *app) close() { a.api.Close() }

// help returns where people read an entry of the runbook: the address that the
// API serves, or the page in the source tree if no API has answered.
func (a *app) help(entry view.Runbook) string {
	if entry == "" || !a.served {
		return entry.String()
	}

	return entry.At(a.api.Base())
}

// place names the API in messages: its address, and the context if there is one.
func (a *app) place() string { return placeOf(a.context, a.api.Base()) }

func placeOf(context, address string) string {
	if context == "" {
		return address
	}

	return context + " (" + address + ")"
}

// animated reports whether frames may be redrawn in place.
func (a *app) animated() bool { return a.errTTY && a.getenv("TERM") != "dumb" }

// asked reports whether the command can ask a question and read the answer.
func (a *app) asked() bool { return a.inTTY && a.errTTY }

// errStyle returns the style of standard error. It is computed for each call,
// because the width of a terminal may change.
func (a *app) errStyle() render.Style {
	s := a.style
	if a.errTTY {
		s.Width, _ = a.size()
	}

	return s
}

// outStyle returns the style of standard output.
func (a *app) outStyle() render.Style {
	s := a.style
	if !a.outTTY {
		s.Color = false
		return s
	}

	s.Width, _ = a.size()

	return s
}

// hint prints a message that is not a result.
func (a *app) hint(format string, args ...any) {
	for _, line := range render.Wrap(a.style.Own(fmt.Sprintf(format, args...)), a.errStyle().Width) {
		_, _ = fmt.Fprintln(a.err, line)
	}
}

func (a *app) lines(lines []string) error {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line + "\n")
	}

	_, err := a.out.Write([]byte(b.String()))

	return err
}

// body prints an answer on one line, as the API returned it. It decodes
// nothing, so that no number loses a digit.
func (a *app) body(raw []byte) error {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return err
	}

	b.WriteByte('\n')
	_, err := a.out.Write(b.Bytes())

	return err
}

// one prints an answer about one thing: its body, its id, or the output of
// table.
func (a *app) one(raw []byte, id string, table func() error) error {
	switch a.format {
	case "json", "jsonl":
		return a.body(raw)
	case "name":
		return a.lines([]string{id})
	}

	return table()
}

// confirm asks the user on a terminal. Without a terminal, it requires --yes,
// because a script should fail rather than wait for an answer.
func (a *app) confirm(ctx context.Context, yes, usual bool, question string) error {
	if yes {
		return nil
	}

	if a.context != "" {
		question = a.context + ": " + question
	}

	if !a.asked() {
		return usagef(
			"%s No terminal is available for the confirmation. Add --yes: `%s`. --dry-run prints what would happen.",
			question, a.again("--yes"),
		)
	}

	choice := "[y/N]"
	if usual {
		choice = "[Y/n]"
	}

	_, _ = fmt.Fprintf(a.err, "%s %s ", a.style.Own(question), choice)
	answers := make(chan string, 1)

	go func() {
		line, _ := bufio.NewReader(a.in).ReadString('\n')
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()

	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(a.err)
		return ctx.Err()
	case answer := <-answers:
		if answer == "y" || answer == "yes" || answer == "" && usual {
			return nil
		}

		return exitf(exitOther, "Nothing was changed.")
	}
}

// again returns the command line of this command with another flag.
func (a *app) again(flag string) string {
	words := each(append(slices.Clone(a.args), flag), shellWord)

	return first(a.program, "corectl") + " " + strings.Join(words, " ")
}

// shellWord quotes an argument for a shell, if it needs quotes.
func shellWord(arg string) string {
	if plainWord.MatchString(arg) {
		return arg
	}

	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}

	return ""
}
