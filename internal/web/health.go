package web

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"coremachine/internal/api"
)

// healthPage is the data of the template "health".
type healthPage struct {
	api.HealthView
	Rows   []checkRow
	Facts  []fact
	Advice string
}

// checkRow is one check.
type checkRow struct {
	Name string
	api.CheckView
	Took   time.Duration
	Detail string
}

// fact is a named value.
type fact struct{ Name, Value string }

func loadHealth(ctx context.Context, s *Server, _ *input) (content, error) {
	view := s.Health(ctx)

	p := healthPage{HealthView: view, Advice: advice(view)}
	for name, check := range view.Checks {
		p.Rows = append(p.Rows, checkRow{
			Name:      name,
			CheckView: check,
			Took:      time.Duration(check.TookMs) * time.Millisecond,
			Detail:    detail(name, check.Detail),
		})
	}

	slices.SortFunc(p.Rows, func(a, b checkRow) int {
		return cmp.Or(order(a.CheckView)-order(b.CheckView), strings.Compare(a.Name, b.Name))
	})

	for _, f := range []fact{
		{"Version", view.Version},
		{"Commit", view.Commit},
		{"Transport", view.Transport},
		{"Schema", schemaVersion(view)},
	} {
		if f.Value != "" {
			p.Facts = append(p.Facts, f)
		}
	}

	return content{
		Title: "Health: " + word(
			view.Status,
		),
		Data:  p,
		Parts: []part{{ID: "health", Template: "health-live"}},
		Say:   []string{"Health is " + word(view.Status)},
	}, nil
}

// order sorts failures first and, among them, required checks before optional
// ones.
func order(c api.CheckView) int {
	switch {
	case c.Status == "ok":
		return 2
	case c.Optional:
		return 1
	}

	return 0
}

func advice(v api.HealthView) string {
	switch v.Status {
	case "ok":
		return "All checks are ok."
	case "degraded":
		return "The process works, but an optional check fails."
	}

	return "The process cannot work until this is fixed."
}

// detail formats the detail of a check in one line. Queues have a page of their
// own.
func detail(name string, v any) string {
	if v == nil || name == "queues" {
		return ""
	}

	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}

	var fields map[string]json.RawMessage
	if json.Unmarshal(b, &fields) != nil {
		return first(200, string(b))
	}

	var said []string
	for name, value := range fields {
		said = append(said, strings.ReplaceAll(name, "_", " ")+" "+strings.Trim(string(value), `"`))
	}

	slices.Sort(said)

	return first(200, strings.Join(said, ", "))
}

func schemaVersion(v api.HealthView) string {
	fields, ok := v.Checks["database"].Detail.(map[string]any)
	if !ok {
		return ""
	}

	b, err := json.Marshal(fields["schema_version"])
	if err != nil || string(b) == "null" {
		return ""
	}

	return string(b)
}
