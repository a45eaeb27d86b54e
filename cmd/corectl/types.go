package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

type typesCmd struct {
	Type string `arg:"" optional:"" help:"Show the parameters of this job type."`
}

// Run lists the registered types, or explains one.
func (c *typesCmd) Run(ctx context.Context, a *app) error {
	if c.Type != "" {
		return c.one(ctx, a)
	}

	all := printer[state.JobType]{
		app:  a,
		name: func(t state.JobType) string { return t.Name },
		table: func(types []state.JobType) []string {
			rows := each(types, func(t state.JobType) []string {
				stages := each(t.Stages, func(s state.StageType) string { return s.Name })
				return []string{t.Name, strings.Join(stages, ","), render.Style{}.Plain(t.Description)}
			})
			if !a.outTTY {
				return render.Tabbed(rows)
			}

			columns := []render.Column{
				{Head: "TYPE"},
				{Head: "STAGES", Cut: 12, Drop: 2},
				{Head: "DESCRIPTION", Cut: 16, Drop: 1},
			}

			return a.outStyle().Table(columns, rows, nil)
		},
	}

	answer, err := a.api.Get(ctx, "/jobs/types", nil)
	if err != nil {
		return err
	}

	return all.whole(answer)
}

func (c *typesCmd) one(ctx context.Context, a *app) error {
	answer, err := a.api.Get(ctx, "/jobs/types", nil)
	if err != nil {
		return err
	}

	page, err := decode[client.Page[state.JobType]](answer)
	if err != nil {
		return err
	}

	raw, err := decode[client.Page[json.RawMessage]](answer)
	if err != nil {
		return err
	}

	at := slices.IndexFunc(page.Items, func(t state.JobType) bool { return t.Name == c.Type })
	if at < 0 {
		return unknownType(c.Type, typeNames(page.Items))
	}

	return a.one(raw.Items[at], c.Type, func() error { return a.describe(page.Items[at]) })
}

// describe lists the parameters of a type and a command that submits it.
func (a *app) describe(t state.JobType) error {
	s, err := schemaOf(&t)
	if err != nil {
		return err
	}

	style := a.outStyle()
	rows := [][]string{}
	needed, numbers := []string{}, []string{}

	for _, leaf := range s.Leaves() {
		notes := bounds(&leaf.Schema)
		if slices.Contains(t.Searchable, leaf.Path) {
			notes = append(notes, "searchable")
		}

		row := []string{
			leaf.Path,
			leaf.TypeName(),
			style.Plain(string(leaf.Default)),
			style.Plain(strings.Join(notes, "; ")),
			style.Plain(leaf.Description),
		}

		switch {
		case leaf.Required:
			row[2] = "required"

			needed = append(needed, leaf.Path+"=…")
		case leaf.Within != "":
			row[2] = "required in " + leaf.Within
		}

		if number(&leaf) {
			numbers = append(numbers, leaf.Path+"="+string(leaf.Default))
		}

		rows = append(rows, row)
	}

	example := slices.Concat([]string{"corectl submit", t.Name}, needed, numbers)

	if !a.outTTY {
		return a.lines(render.Tabbed(rows))
	}

	lines := append(render.Wrap(style.Plain(t.Name+": "+t.Description), style.Width), "")
	for _, row := range rows {
		lines = append(
			lines,
			render.Hang("  ", strings.Join(slices.DeleteFunc(row[:4:4], empty), "  "), style.Width)...)

		if row[4] != "" {
			lines = append(lines, render.Hang("      ", row[4], style.Width)...)
		}
	}

	if len(rows) > 0 {
		lines = append(lines, "")
	}

	return a.lines(append(lines, style.Own(style.Plain(strings.Join(example, " ")))))
}

// number reports whether the example of a type shows a parameter.
func number(leaf *view.Leaf) bool {
	given := len(leaf.Default) > 0 && string(leaf.Default) != "null"

	return given && leaf.Kind() == view.KindInteger && !strings.Contains(leaf.Path, ".")
}

// bounds returns the rules of a parameter in words, those of the items of a list
// last.
func bounds(p *view.Schema) (parts []string) {
	switch {
	case p.Minimum != "" && p.Maximum != "":
		parts = append(parts, p.Minimum.String()+" to "+p.Maximum.String())
	case p.Minimum != "":
		parts = append(parts, "from "+p.Minimum.String())
	case p.Maximum != "":
		parts = append(parts, "to "+p.Maximum.String())
	}

	if p.MaxLength != "" {
		parts = append(parts, "at most "+p.MaxLength.String()+" characters")
	}

	if p.MaxItems != "" {
		parts = append(parts, "at most "+p.MaxItems.String()+" items")
	}

	if p.Pattern != "" {
		parts = append(parts, p.Pattern)
	}

	if len(p.Enum) > 0 {
		parts = append(parts, strings.Join(each(p.Enum, valueText), ", "))
	}

	if p.Items != nil && p.Kind() == view.KindList {
		items := *p.Items
		items.Enum = nil

		for _, part := range bounds(&items) {
			parts = append(parts, "each "+part)
		}

		if len(p.Items.Enum) > 0 {
			parts = append(parts, "each one of "+strings.Join(each(p.Items.Enum, valueText), ", "))
		}
	}

	return parts
}

// valueText returns a value of an enum, a string without its quotes.
func valueText(v json.RawMessage) string {
	var text string
	if json.Unmarshal(v, &text) == nil {
		return text
	}

	return string(v)
}

func empty(text string) bool { return text == "" }
