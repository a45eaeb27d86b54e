package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"

	"coremachine/internal/client"
)

// printer writes a list in the requested format.
type printer[T any] struct {
	*app
	name  func(T) string
	table func([]T) []string
	count int // number of printed items
}

// print writes the list and returns the cursor of the next page. JSON is one
// object and a table is one table, regardless of the number of pages. Ids and
// JSON lines are written page by page.
func (p *printer[T]) print(
	ctx context.Context,
	path string,
	query url.Values,
	limit int,
) (next string, err error) {
	var items []T

	whole := struct {
		Items      []json.RawMessage `json:"items"`
		NextCursor *string           `json:"next_cursor"`
	}{Items: []json.RawMessage{}}

	next, err = everything(
		ctx,
		p.app,
		path,
		query,
		limit,
		func(page client.Page[T], answer client.Answer) error {
			p.count += len(page.Items)
			switch p.format {
			case "name", "jsonl":
				return p.page(page.Items, answer)
			case "json":
				raw, err := decode[client.Page[json.RawMessage]](answer)
				whole.Items = append(whole.Items, raw.Items...)

				return err
			}

			items = append(items, page.Items...)

			return nil
		},
	)
	switch {
	case err != nil:
		return "", err
	case p.format == "json":
		if next != "" {
			whole.NextCursor = &next
		}

		text, err := encode(whole)
		if err != nil {
			return "", err
		}

		return next, p.body(text)
	case p.format == "table" && len(items) > 0:
		return next, p.lines(p.table(items))
	}

	return next, nil
}

// whole writes a list that consists of one answer, unchanged.
func (p *printer[T]) whole(answer client.Answer) error {
	page, err := decode[client.Page[T]](answer)
	if err != nil {
		return err
	}

	p.count = len(page.Items)
	switch {
	case p.format == "json":
		return p.body(answer.Body)
	case p.format == "table" && p.count > 0:
		return p.lines(p.table(page.Items))
	case p.format == "table":
		return nil
	}

	return p.page(page.Items, answer)
}

// page writes the ids of a page, or its unchanged items, one per line.
func (p *printer[T]) page(items []T, answer client.Answer) error {
	if p.format == "name" {
		return p.lines(each(items, p.name))
	}

	raw, err := decode[client.Page[json.RawMessage]](answer)
	if err != nil {
		return err
	}

	for _, item := range raw.Items {
		if err := p.body(item); err != nil {
			return err
		}
	}

	return nil
}

// encode is json.Marshal without HTML escapes, so that bodies stay unchanged.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer

	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)

	return b.Bytes(), err
}

func each[T, R any](items []T, fn func(T) R) []R {
	out := make([]R, len(items))
	for i, item := range items {
		out[i] = fn(item)
	}

	return out
}

// formatItems prints a list of this program's own in a format other than table.
func formatItems[T any](a *app, items []T, name func(T) string) error {
	switch a.format {
	case "name":
		return a.lines(each(items, name))
	case "json":
		text, err := encode(map[string][]T{"items": items})
		if err != nil {
			return err
		}

		return a.body(text)
	}

	for _, item := range items {
		text, err := encode(item)
		if err == nil {
			err = a.body(text)
		}

		if err != nil {
			return err
		}
	}

	return nil
}
