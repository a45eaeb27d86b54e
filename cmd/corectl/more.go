package main

import (
	"context"
	"maps"
	"net/url"
	"slices"
)

// pageFlags select how much of a list is shown.
type pageFlags struct {
	Limit int `default:"50" placeholder:"N" help:"Maximum number of items. 0: all."`
	moreFlags
}

// moreFlags continue a list.
type moreFlags struct {
	More   bool   `help:"Continue the last list of this command, with its filters."`
	Cursor string `placeholder:"CURSOR" help:"Continue at the next_cursor of an earlier list."`
}

// continued reports whether the list begins in its middle.
func (f moreFlags) continued() bool { return f.More || f.Cursor != "" }

// listsFile is the file of the last lists in the state folder.
const listsFile = "lists.json"

// maxLists is the maximum number of lists in that file.
const maxLists = 20

// lastList is where a list of this user ended.
type lastList struct {
	API    string     `json:"api"`
	Path   string     `json:"path"`
	Asked  string     `json:"asked"`  // the filters as they were typed
	Query  url.Values `json:"query"`  // the filters as they were sent
	Cursor string     `json:"cursor"` // of the next page; empty if the list was complete
}

func (l lastList) of(api, path string) bool { return l.API == api && l.Path == path }

// lastLists reads the file, newest first.
func lastLists(dir string) []lastList { return readList[lastList](dir, listsFile) }

// listing is one list of a command: what it asks for, and how it continues.
type listing struct {
	path  string
	query url.Values // the filters as they are sent
	asked url.Values // the filters as they were typed; nil: like query
	limit int
	moreFlags
}

// resume returns the query of the page at which the list begins.
func (l listing) resume(a *app) (url.Values, error) {
	query := maps.Clone(l.query)

	switch {
	case l.limit < 0:
		return nil, usagef("--limit %d is negative.", l.limit)
	case l.More && l.Cursor != "":
		return nil, usagef("use either --more or --cursor, not both.")
	case l.Cursor != "":
		query.Set("cursor", l.Cursor)

		return query, nil
	case !l.More:
		return query, nil
	}

	lists := lastLists(a.stateDir)

	at := slices.IndexFunc(lists, func(last lastList) bool { return last.of(a.api.Base(), l.path) })
	if at < 0 {
		return nil, usagef("--more: there is no earlier list of %s. Use the command without --more first.", a.place())
	}

	last := lists[at]
	if asked := l.words(); asked != "" && asked != last.Asked {
		return nil, usagef("--more continues the last list, which had %s. Repeat these filters, or give none.",
			first(last.Asked, "no filters"))
	}

	if last.Cursor == "" {
		return nil, exitf(exitOther, "No more: the last list was complete.")
	}

	query = maps.Clone(last.Query)
	query.Set("cursor", last.Cursor)

	return query, nil
}

// words returns the filters as they were typed, in one order.
func (l listing) words() string {
	asked := l.asked
	if asked == nil {
		asked = l.query
	}

	return asked.Encode()
}

// keep records where the list ended, for --more. A list that began in its middle
// keeps the filters with which it began.
func (l listing) keep(a *app, sent url.Values, next string) {
	lists := lastLists(a.stateDir)

	entry := lastList{API: a.api.Base(), Path: l.path, Asked: l.words(), Query: sent, Cursor: next}
	at := slices.IndexFunc(lists, func(last lastList) bool { return last.of(entry.API, l.path) })

	if a.stateDir == "" || at < 0 && next == "" {
		return
	}

	if at >= 0 {
		if l.More {
			entry.Asked = lists[at].Asked
		}

		lists = slices.Delete(lists, at, at+1)
	}

	lists = append([]lastList{entry}, lists[:min(len(lists), maxLists-1)]...)

	_ = writeFile(a.stateDir, listsFile, lists) // without it, --more has no effect
}

// list writes a list, and records where it ended.
func (p *printer[T]) list(ctx context.Context, l listing) (next string, err error) {
	query, err := l.resume(p.app)
	if err != nil {
		return "", err
	}

	sent := maps.Clone(query)
	sent.Del("cursor")

	next, err = p.print(ctx, l.path, query, l.limit)
	if err == nil {
		l.keep(p.app, sent, next)
	}

	return next, err
}

// moreHint reports that a list continues. what is how much is left out.
func (a *app) moreHint(what string) {
	a.hint("%s: add --more for the next page, or --limit 0 for all", what)
}
