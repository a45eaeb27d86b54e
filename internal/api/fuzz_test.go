package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// FuzzCursors checks that invalid cursors are rejected, and that a valid cursor
// has exactly one notation.
func FuzzCursors(f *testing.F) {
	n := int64(7)
	for _, c := range []*string{
		sealJob(&view.JobCursor{CreatedAt: time.UnixMicro(1_700_000_000_123_456)}),
		sealNewer(&view.JobCursor{}),
		sealTask(&view.TaskCursor{Stage: 3, Index: -1}),
		sealNumber("e", &n),
	} {
		f.Add(*c)
	}

	f.Add("")
	f.Add("ajE")
	f.Add("dDF8MHww=")
	f.Fuzz(func(t *testing.T, text string) {
		if at, ok := openJob(text); ok &&
			!slices.ContainsFunc(
				[]*string{sealJob(at.after), sealNewer(at.before)},
				func(s *string) bool { return s != nil && *s == text },
			) {
			t.Errorf("%q is not the canonical form of %+v", text, at)
		}

		if c, ok := openTask(text); ok && (*sealTask(c) != text || c.Stage < 0 || c.Index < -1) {
			t.Errorf("%q is also encoded as %q", text, *sealTask(c))
		}

		if n, ok := openNumber("e", text); ok && (*sealNumber("e", &n) != text || n < 0) {
			t.Errorf("%q is also encoded as %q", text, *sealNumber("e", &n))
		}
	})
}

// FuzzQueries checks that reading a query does not panic, that accepted values
// are clean and within bounds, and that every error names its parameter.
func FuzzQueries(f *testing.F) {
	for _, raw := range []string{
		"",
		"status=failed,running&status=queued",
		"since=24h&until=2026-01-01T00:00:00Z",
		"since=7d&limit=500",
		"wait=20s&since=1.2.3",
		"id=0abc&x=%00",
		"after=9223372036854775808", "a;b", "%", "type=%ff", "rerun=true&rerun=false", "code=x",
	} {
		f.Add(raw)
	}

	f.Fuzz(func(t *testing.T, raw string) {
		known := []string{
			"status",
			"type",
			"since",
			"until",
			"limit",
			"wait",
			"version",
			"after",
			"rerun",
			"cursor",
		}
		q := parseQuery(raw, known...)
		statuses := oneOf(q, "status", state.JobStatuses)
		kind := q.text("type")
		limit := q.limit()
		wait := q.wait()
		since := q.moment("since")
		until := q.moment("until")
		version := q.version("version")
		after := q.number("after")

		_, c := q.boolean("rerun"), cursor(q, openJob)
		if q.err() != nil {
			for _, bad := range q.bad {
				if bad.Message == "" || len(bad.Field) > 300 || len(bad.Message) > 1000 {
					t.Errorf("%q: %+v", raw, bad)
				}
			}

			return
		}

		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("%q passed: %v", raw, err)
		}

		for name := range values {
			if !slices.Contains(known, name) && !slices.Contains(hostKeys, name) {
				t.Errorf("%q passed with %q", raw, name)
			}
		}

		for _, m := range []view.Moment{since, until} {
			if m.Age < 0 || m.Age > 36_500*24*time.Hour || !m.At.IsZero() && m.Age != 0 {
				t.Errorf("%q: moment %+v", raw, m)
			}
		}

		if limit < 1 || limit > view.MaxPage || wait < 0 || wait > time.Minute || after < 0 ||
			len(kind) > maxText || strings.ContainsRune(kind, 0) ||
			len(version) > 41 ||
			len(statuses) > len(raw) ||
			c.after != nil && (c.before != nil || c.after.CreatedAt.UnixMicro() < 0) {
			t.Errorf("%q: %v %q %d %s %q %d %+v", raw, statuses, kind, limit, wait, version, after, c)
		}
	})
}

// FuzzLabels checks the readers of run keys, tags and filters by terms: they do
// not panic, what they accept is valid and has one notation, and every error
// names its parameter.
func FuzzLabels(f *testing.F) {
	for _, seed := range [][3]string{
		{"key=a&tag.env=prod&param.n=5", `"a"`, `{"a":"b","c":null}`},
		{"tag.a=%FF&tag.=x", "\"", `{"a":1}`},
		{"tag.a=%E2%80%AE&tag.a=b", "a b", `{"a":"b","a":"c"}`},
		{"param.a..b=1&param.N=2", `""`, `{"\u0000":"\ud800"}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}

	f.Fuzz(func(t *testing.T, raw, header, body string) {
		q := parseQuery(raw, "key", state.TagPrefix, state.ParamPrefix)
		key := q.runKey(http.Header{keyHeader: {header}})
		tags, terms := q.tags(), q.terms()

		for _, bad := range q.bad {
			if bad.Field == "" || bad.Message == "" || len(bad.Field) > 300 || len(bad.Message) > 1000 ||
				!utf8.ValidString(bad.Field+bad.Message) {
				t.Errorf("%q: %+v", raw, bad)
			}
		}

		if q.err() == nil {
			if problem := state.RunKeyProblem(key); problem != "" {
				t.Errorf("%q passed as a key: %s", key, problem)
			}

			if err := state.CheckTags("", tags); err != nil {
				t.Errorf("%q passed as tags: %v", raw, err)
			}

			for _, term := range terms {
				if !strings.Contains(raw, "=") || state.TermValueProblem(term.Value) != "" ||
					len(terms) > state.MaxTags {
					t.Errorf("%q passed as %+v", raw, term)
				}
			}
		}

		changes, err := readTagChanges([]byte(body))
		if err != nil {
			return
		}

		if len(changes) > maxTagChanges || changes == nil {
			t.Errorf("%q passed as %d changes", body, len(changes))
		}

		text, err := json.Marshal(changes)
		if err != nil {
			t.Fatal(err)
		}

		again, err := readTagChanges(text)
		if err != nil || len(again) != len(changes) {
			t.Errorf("%q is read as %s, and that as %v, %v", body, text, again, err)
		}
	})
}
