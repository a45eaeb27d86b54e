package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"coremachine/internal/state"
	"coremachine/internal/view"
	"coremachine/internal/webhook"
)

// hostKeys are query parameters that the Functions host reads and passes on: a
// function key and its name.
var hostKeys = []string{"code", "clientId"}

// maxText limits the value of a query parameter, in bytes.
const maxText = 512

// query reads query parameters strictly and collects all errors.
type query struct {
	values url.Values
	bad    []state.FieldError
}

// readQuery rejects parameters that are not in known.
func readQuery(r *http.Request, known ...string) *query { return parseQuery(r.URL.RawQuery, known...) }

func parseQuery(raw string, known ...string) *query {
	values, err := url.ParseQuery(raw)

	q := &query{values: values}
	if err != nil {
		q.wrong("query", "malformed query string: an escape is invalid, or a semicolon is not escaped")
		return q
	}

	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}

	slices.Sort(names)

	for _, name := range names {
		if slices.Contains(hostKeys, name) {
			continue
		}

		if !KnownParameter(known, name) {
			said := "this path has no parameters"
			if len(known) > 0 {
				said = "known parameters: " + strings.Join(named(known), ", ")
			}

			q.wrong(state.Excerpt(name), "is not a known parameter; %s", said)

			continue
		}

		for _, v := range values[name] {
			if limit := longest(name); !storable(v, limit) {
				q.wrong(state.Excerpt(name), "must be text of at most %d bytes", limit)
				values.Del(name)

				break
			}
		}
	}

	return q
}

// KnownParameter reports whether a parameter is in a list, which names families
// of parameters by what they begin with, and a dot.
func KnownParameter(known []string, name string) bool {
	return slices.ContainsFunc(known, func(k string) bool {
		return k == name || strings.HasSuffix(k, ".") && strings.HasPrefix(name, k)
	})
}

// named completes the families of parameters for a message.
func named(known []string) []string {
	names := slices.Clone(known)
	for i, name := range names {
		if strings.HasSuffix(name, ".") {
			names[i] += "NAME"
		}
	}

	return names
}

// longest is the maximum length of a parameter, in bytes.
func longest(name string) int {
	switch {
	case name == callbackURL:
		return webhook.MaxURL
	case KnownParameter(TermPrefixes, name):
		return state.MaxTermValue * utf8.UTFMax
	}

	return maxText
}

// storable reports whether the database can store a text or compare with it.
func storable(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

func (q *query) wrong(field, format string, args ...any) {
	q.bad = append(q.bad, state.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// err returns an error that names every invalid parameter, or nil.
func (q *query) err() error {
	if len(q.bad) == 0 {
		return nil
	}

	return state.Invalid("api", "Query parameters are invalid.", q.bad...)
}

// text reads a parameter that may occur once.
func (q *query) text(name string) string {
	values := q.values[name]
	if len(values) == 0 {
		return ""
	}

	if len(values) > 1 {
		q.wrong(name, "occurs %d times", len(values))
		return ""
	}

	if values[0] == "" {
		q.wrong(name, "is empty")
	}

	return values[0]
}

func (q *query) boolean(name string) bool {
	switch v := q.text(name); v {
	case "", "false":
		return false
	case "true":
		return true
	default:
		q.wrong(name, "%q is neither true nor false", state.Excerpt(v))
		return false
	}
}

// limit reads the size of a page.
func (q *query) limit() int {
	const usual = 50

	v := q.text("limit")
	if v == "" {
		return usual
	}

	n, ok := whole(v, 1, view.MaxPage)
	if !ok {
		q.wrong("limit", "%q is not a number from 1 to %d", state.Excerpt(v), view.MaxPage)
		return usual
	}

	return int(n)
}

// number reads an id that is a number.
func (q *query) number(name string) int64 {
	v := q.text(name)
	if v == "" {
		return 0
	}

	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != v {
		q.wrong(name, "%q is not a number of at least 0", state.Excerpt(v))
	}

	return n
}

// numbers reads numeric ids, either repeated or separated by commas, up to the
// maximum size of a page.
func (q *query) numbers(name string) []int64 {
	var got []int64

	for _, v := range q.values[name] {
		for word := range strings.SplitSeq(v, ",") {
			n, ok := whole(word, 1, 1<<63-1)
			if !ok {
				q.wrong(name, "%q is not a number of at least 1", state.Excerpt(word))
				continue
			}

			got = append(got, n)
		}
	}

	if len(got) > view.MaxPage {
		q.wrong(name, "has %d values, the maximum is %d", len(got), view.MaxPage)
	}

	return got
}

// indexes reads a range of a stage's tasks that includes both ends. until is
// the end plus one, or 0 if there is no end.
func (q *query) indexes(stage string) (from, until int) {
	const maxEnd = 1<<31 - 2

	first, last := q.number("from"), q.number("to")
	for name, n := range map[string]int64{"from": first, "to": last} {
		switch {
		case !q.values.Has(name):
		case stage == "":
			q.wrong(name, "requires stage")
		case n > maxEnd:
			q.wrong(name, "is over %d", maxEnd)
		}
	}

	if !q.values.Has("to") {
		return int(first), 0
	}

	if last < first {
		q.wrong("to", "is below from")
	}

	return int(first), int(last) + 1
}

// fingerprint reads the fingerprint of an error pattern.
func (q *query) fingerprint(name string) state.Fingerprint {
	v := q.text(name)
	if v == "" {
		return 0
	}

	f, ok := state.ParseFingerprint(v)
	if !ok {
		q.wrong(name, "%q is not a fingerprint of %d lower-case hex digits", state.Excerpt(v), state.FingerprintLen)
	}

	return f
}

// parseAge parses a duration such as 20s, 24h or 7d.
func parseAge(v string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(v, "d"); ok {
		n, ok := whole(days, 1, 36_500)
		return time.Duration(n) * 24 * time.Hour, ok
	}

	d, err := time.ParseDuration(v)

	return d, err == nil && d > 0 && d <= 36_500*24*time.Hour
}

// moment reads a point in time or an age.
func (q *query) moment(name string) view.Moment {
	v := q.text(name)
	if v == "" {
		return view.Moment{}
	}

	if age, ok := parseAge(v); ok {
		return view.Moment{Age: age}
	}

	at, err := time.Parse(time.RFC3339, v)
	if err != nil || at.Year() < 1 || at.Year() > 9999 {
		q.wrong(name, "%q is neither a time like 2026-01-31T12:00:00Z nor an age like 24h or 7d", state.Excerpt(v))
	}

	return view.Moment{At: at}
}

// start reads when a job starts: a point in time, or a delay.
func (q *query) start() (at time.Time, delay time.Duration) {
	if v := q.text("start_at"); v != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, v); err != nil || at.Year() < 1 || at.Year() > 9999 {
			q.wrong("start_at", "%q is not a time like 2026-01-31T12:00:00Z", state.Excerpt(v))
		}
	}

	if v := q.text("delay"); v != "" {
		var ok bool
		if delay, ok = parseAge(v); !ok {
			q.wrong("delay", "%q is not a duration like 90s, 2h or 7d", state.Excerpt(v))
		}

		if q.values.Has("start_at") {
			q.wrong("delay", "cannot be combined with start_at")
		}
	}

	return at, delay
}

// wait reads how long to wait, up to a minute.
func (q *query) wait() time.Duration {
	v := q.text("wait")
	if v == "" {
		return 0
	}

	d, err := time.ParseDuration(v)
	if err != nil || d < 0 || d > time.Minute {
		q.wrong("wait", "%q is not a duration from 0s to 60s", state.Excerpt(v))
		return 0
	}

	return d
}

// version reads a job's version in the form in which it was returned.
func (q *query) version(name string) string {
	v := q.text(name)

	parts := strings.Split(v, ".")
	if v != "" && (len(parts) != 3 || !digits(parts[0]) || !digits(parts[1]) || !digits(parts[2])) {
		q.wrong(name, "%q is not a version of a job: use the version of an earlier answer", state.Excerpt(v))
		return ""
	}

	return v
}

func digits(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == ""
}

// oneOf reads words of a closed set, either repeated or separated by commas.
func oneOf[T ~string](q *query, name string, known []T) []T {
	var got []T

	for _, v := range q.values[name] {
		for word := range strings.SplitSeq(v, ",") {
			if !slices.Contains(known, T(word)) {
				words := make([]string, len(known))
				for i, k := range known {
					words[i] = string(k)
				}

				q.wrong(name, "%q is not one of %s", state.Excerpt(word), strings.Join(words, ", "))

				continue
			}

			got = append(got, T(word))
		}
	}

	return got
}
