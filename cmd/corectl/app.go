package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
)

// app is what a command works with: the console, the settings and the API.
type app struct {
	*console
	format string // table, json, jsonl or name
	style  render.Style
	api    *client.Client
}

func newApp(con *console, g globals) (*app, error) {
	a := &app{console: con, format: first(g.Output, con.getenv("CORECTL_OUTPUT"), "table")}
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
	key := con.getenv("CORECTL_KEY")

	if g.KeyFile != "" {
		text, err := os.ReadFile(g.KeyFile)
		if err != nil {
			return nil, usagef("cannot read the key file: %v", err)
		}

		key = string(text)
	}

	api, err := client.New(first(g.URL, con.getenv("CORECTL_URL"), client.Default), strings.TrimSpace(key))
	if err != nil {
		return nil, usagef("%v", err)
	}

	api.Agent = "corectl"
	a.api = api

	return a, nil
}

func (a *app) close() { a.api.Close() }

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

	if !a.asked() {
		return usagef(
			"%s No terminal is available for the confirmation. Add --yes, or --dry-run to print what would happen.",
			question,
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

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}

	return ""
}
