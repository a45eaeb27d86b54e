package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/state"
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
	var s schema
	if err := json.Unmarshal(t.Schema, &s); err != nil {
		return fmt.Errorf(
			"unexpected schema of %s: this corectl may be older or newer than the server: %w",
			t.Name,
			err,
		)
	}

	style := a.outStyle()
	rows := [][]string{}

	example := []string{"corectl submit", t.Name}
	for _, name := range s.Required {
		example = append(example, name+"=…")
	}

	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]

		rows = append(
			rows,
			[]string{
				name,
				strings.Join(p.Type, "|"),
				style.Plain(string(p.Default)),
				p.bounds(),
				style.Plain(p.Description),
			},
		)
		if slices.Contains(t.Searchable, name) {
			rows[len(rows)-1][3] = strings.Trim(rows[len(rows)-1][3]+"; searchable", "; ")
		}

		if slices.Contains(s.Required, name) {
			rows[len(rows)-1][2] = "required"
		}

		if len(p.Default) > 0 && string(p.Default) != "null" && slices.Contains(p.Type, "integer") {
			example = append(example, name+"="+string(p.Default))
		}
	}

	if !a.outTTY {
		return a.lines(render.Tabbed(rows))
	}

	lines := append(render.Wrap(style.Plain(t.Name+": "+t.Description), style.Width), "")
	for _, row := range rows {
		lines = append(
			lines,
			render.Hang("  ", strings.Join(slices.DeleteFunc(row[:4:4], empty), "  "), style.Width)...)
		lines = append(lines, render.Hang("      ", row[4], style.Width)...)
	}

	if len(rows) > 0 {
		lines = append(lines, "")
	}

	return a.lines(append(lines, style.Own(style.Plain(strings.Join(example, " ")))))
}

func (p property) bounds() string {
	var parts []string

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

	if p.Pattern != "" {
		parts = append(parts, p.Pattern)
	}

	if len(p.Enum) > 0 {
		parts = append(parts, strings.Join(each(p.Enum, func(v any) string { return fmt.Sprint(v) }), ", "))
	}

	return render.Style{}.Plain(strings.Join(parts, "; "))
}

func empty(text string) bool { return text == "" }
