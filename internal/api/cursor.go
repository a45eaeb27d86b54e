package api

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// A cursor is opaque to clients: the letter of its list, a version, and the
// position at which the page ended, in base64url. It contains a position and no
// filter, so that it stays valid when rows are added or deleted.

func seal(list string, fields ...any) *string {
	text := []byte(list + "1")
	for _, f := range fields {
		text = fmt.Appendf(text, "|%v", f)
	}

	sealed := base64.RawURLEncoding.EncodeToString(text)

	return &sealed
}

// open returns the n fields of a cursor of the list.
func open(list, cursor string, n int) ([]string, bool) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, false
	}

	fields := strings.Split(string(text), "|")
	if len(fields) != n+1 || fields[0] != list+"1" {
		return nil, false
	}

	return fields[1:], true
}

// whole parses a number in its canonical notation.
func whole(s string, low, high int64) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= low && n <= high && strconv.FormatInt(n, 10) == s
}

// endOfTime is the first microsecond of the year 10000.
const endOfTime = 253_402_300_800_000_000

func sealJob(c *view.JobCursor) *string {
	if c == nil {
		return nil
	}

	return seal("j", c.CreatedAt.UnixMicro(), c.JobID)
}

// sealNewer returns the cursor of the jobs that precede a job. It has a letter
// of its own, so that one parameter accepts both directions.
func sealNewer(c *view.JobCursor) *string {
	if c == nil {
		return nil
	}

	return seal("n", c.CreatedAt.UnixMicro(), c.JobID)
}

// jobPlace is the position at which a page of jobs ends or begins. At most one
// field is set.
type jobPlace struct{ after, before *view.JobCursor }

func openJob(cursor string) (jobPlace, bool) {
	fields, ok := open("j", cursor, 2)

	newer := !ok
	if newer {
		fields, ok = open("n", cursor, 2)
	}

	if !ok {
		return jobPlace{}, false
	}

	at, ok := whole(fields[0], 0, endOfTime-1)

	id, err := state.ParseJobID(fields[1])
	if !ok || err != nil {
		return jobPlace{}, false
	}

	c := &view.JobCursor{CreatedAt: time.UnixMicro(at).UTC(), JobID: id}
	if newer {
		return jobPlace{before: c}, true
	}

	return jobPlace{after: c}, true
}

func sealTask(c *view.TaskCursor) *string {
	if c == nil {
		return nil
	}

	return seal("t", c.Stage, c.Index)
}

func openTask(cursor string) (*view.TaskCursor, bool) {
	fields, ok := open("t", cursor, 2)
	if !ok {
		return nil, false
	}

	stage, ok1 := whole(fields[0], 0, 1<<15-1)
	index, ok2 := whole(fields[1], -1, 1<<31-1)

	return &view.TaskCursor{Stage: int(stage), Index: int(index)}, ok1 && ok2
}

func sealNumber(list string, n *int64) *string {
	if n == nil {
		return nil
	}

	return seal(list, *n)
}

func openNumber(list, cursor string) (int64, bool) {
	fields, ok := open(list, cursor, 1)
	if !ok {
		return 0, false
	}

	return whole(fields[0], 0, 1<<63-1)
}

// cursor reads the parameter cursor with the reader of the list.
func cursor[C any](q *query, read func(string) (C, bool)) (c C) {
	v := q.text("cursor")
	if v == "" {
		return c
	}

	c, ok := read(v)
	if !ok {
		q.wrong("cursor", "is not a cursor of this list: use next_cursor of its previous page")
	}

	return c
}

func numbered(list string) func(string) (int64, bool) {
	return func(cursor string) (int64, bool) { return openNumber(list, cursor) }
}
