package main

import (
	"context"
	"path/filepath"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
)

type contextCmd struct {
	Add    contextAddCmd    `cmd:"" help:"Add a context, or change it."`
	Use    contextUseCmd    `cmd:"" help:"Use a context when no other one is given."`
	List   contextListCmd   `cmd:"" help:"List the contexts."`
	Remove contextRemoveCmd `cmd:"" help:"Remove a context."`
}

type contextAddCmd struct {
	Name string `arg:"" help:"Name of the context. Give its address with --url, and its key with --key-file."`
}

// Run adds a context. It stores the path of the key file and not the key, so
// that a new key needs no change here.
func (c *contextAddCmd) Run(_ context.Context, a *app) error {
	if !contextName.MatchString(c.Name) || c.Name == defaultContext {
		return usagef("invalid context name %q: use letters, digits, \".\", \"_\" and \"-\", for example prod.", c.Name)
	}

	if a.given.URL == "" {
		return usagef("context add needs the address of the API: corectl context add %s --url URL", c.Name)
	}

	address, err := client.Address(a.given.URL)
	if err != nil {
		return usagef("%v", err)
	}

	added := apiContext{URL: address}

	if file := a.given.KeyFile; file != "" {
		if _, err := readKey(file); err != nil {
			return usagef("cannot read the key file: %v", err)
		}

		if added.KeyFile, err = filepath.Abs(file); err != nil {
			return err
		}
	}

	all, err := a.readContexts()
	if err != nil {
		return err
	}

	_, known := all.Contexts[c.Name]
	all.Contexts[c.Name] = added

	if err := a.writeContexts(all); err != nil {
		return err
	}

	text, err := encode(printedContext{Name: c.Name, Current: all.Current == c.Name, apiContext: added})
	if err != nil {
		return err
	}

	return a.one(text, c.Name, func() error {
		verb := "added"
		if known {
			verb = "changed"
		}

		a.hint("%s %s (%s) · corectl context use %s", verb, c.Name, address, c.Name)

		return nil
	})
}

type contextUseCmd struct {
	Name string `arg:"" help:"Name of the context. default: the address of corectl dev."`
}

// Run makes a context the current one.
func (c *contextUseCmd) Run(_ context.Context, a *app) error {
	all, err := a.readContexts()
	if err != nil {
		return err
	}

	found, err := all.named(c.Name)
	if err != nil {
		return err
	}

	all.Current = c.Name
	if c.Name == defaultContext {
		all.Current = ""
	}

	if err := a.writeContexts(all); err != nil {
		return err
	}

	a.hint("using %s (%s)", c.Name, first(found.URL, client.Default))

	for _, name := range []string{"CORECTL_URL", "CORECTL_CONTEXT"} {
		if a.getenv(name) != "" {
			a.hint("%s is set, and it wins over this choice.", name)
			break
		}
	}

	return nil
}

// printedContext is a context as it is printed.
type printedContext struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	apiContext
}

type contextListCmd struct{}

// Run lists the contexts, and the default address first.
func (c *contextListCmd) Run(_ context.Context, a *app) error {
	all, err := a.readContexts()
	if err != nil {
		return err
	}

	items := []printedContext{
		{Name: defaultContext, Current: all.Current == "", apiContext: apiContext{URL: client.Default}},
	}
	for _, name := range all.names() {
		items = append(items, printedContext{name, name == all.Current, all.Contexts[name]})
	}

	if a.format != "table" {
		return formatItems(a, items, func(p printedContext) string { return p.Name })
	}

	rows := each(items, func(p printedContext) []string {
		current := ""
		if p.Current {
			current = "*"
		}

		return []string{current, p.Name, p.URL, p.KeyFile}
	})
	if !a.outTTY {
		return a.lines(render.Tabbed(rows))
	}

	columns := []render.Column{{}, {Head: "CONTEXT"}, {Head: "URL"}, {Head: "KEY FILE", Cut: 12, Drop: 1}}

	return a.lines(a.outStyle().Table(columns, rows, nil))
}

type contextRemoveCmd struct {
	Name string `arg:"" help:"Name of the context."`
}

// Run removes a context. The key file stays.
func (c *contextRemoveCmd) Run(_ context.Context, a *app) error {
	all, err := a.readContexts()
	if err != nil {
		return err
	}

	if c.Name == defaultContext {
		return usagef("the context %s always exists.", defaultContext)
	}

	if _, err := all.named(c.Name); err != nil {
		return err
	}

	delete(all.Contexts, c.Name)

	used := all.Current == c.Name
	if used {
		all.Current = ""
	}

	if err := a.writeContexts(all); err != nil {
		return err
	}

	a.hint("removed %s.", c.Name)

	if used {
		a.hint("using %s (%s)", defaultContext, client.Default)
	}

	return nil
}
