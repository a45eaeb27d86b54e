package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// funcs returns the functions that templates may call.
func funcs(s *Server) template.FuncMap {
	return template.FuncMap{
		"badge":   badge,
		"shown":   shown,
		"visible": visible,
		"icon":    icon,
		"word":    word,
		"num":     num,
		"took":    view.FormatDuration,
		"ago":     ago,
		"since":   since,
		"until":   until,
		"exact":   exact,
		"short":   func(id state.JobID) string { return id.Short() },
		"text":    func(b json.RawMessage) string { return string(b) },
		"blob":    newBlob,
		"first":   first,
		"entry":   s.entry,
		"fold":    fold,
		"plural":  plural,
		"between": between,
		"rate":    rate,
		"errText": view.ErrorText[state.Outcome],
		"roughly": roughly,
		"bytes":   size,
		"rawOf":   newRaw,
		"plus":    func(a, b float64) float64 { return a + b },
		"shape":   func(name string) template.HTML { return shapes[name] },
		"exactly": exactly,
		"iconOf":  iconOf,
		"plusInt": func(a, b int) int { return a + b },
		"string":  func(v any) string { return fmt.Sprint(v) },
		"percent": view.FormatShare,
		"seconds": func(s float64) string { return fmt.Sprintf("%.0f s", s) },
		"count":   capped,
		"rawText": rawText,
		"secText": secondsText,
		"whole":   whole,
		"secs":    inSeconds,
		"clock":   hour,
		"look":    lookOf,
		"half":    func(v float64) float64 { return v / 2 },
		"iconFor": func(status string) template.HTML { return icon(looks[status].shape) },
		"ui":      func(segments ...any) string { return join(s.Prefix+"/ui", segments) },
		"viewURL": func(segments ...any) string { return join(s.Prefix+"/view", segments) },
		"tagURL": func(name, value string) string {
			return s.Prefix + "/ui?" + url.Values{state.TagPrefix + name: {value}}.Encode()
		},
		"api": func(segments ...any) string { return join(s.Prefix, segments) },
	}
}

// join returns a URL of escaped segments.
func join(root string, segments []any) string {
	var b strings.Builder
	b.WriteString(root)

	for _, one := range segments {
		b.WriteString("/" + url.PathEscape(fmt.Sprint(one)))
	}

	return b.String()
}

// shapes are the drawings of the icons, 16 by 16. Each status has a shape of
// its own, so that colour is never the only difference.
var shapes = map[string]template.HTML{
	"queued":    `<circle cx="8" cy="8" r="5.5"/>`,
	"running":   `<path d="M8 2.5a5.5 5.5 0 1 1-5.5 5.5"/>`,
	"completed": `<path d="M3 8.5l3.5 3.5L13 5"/>`,
	"retrying":  `<path d="M13.5 8a5.5 5.5 0 1 1-2-4.2M13.5 2v3.4h-3.4"/>`,
	"failed":    `<path d="M4 4l8 8M12 4l-8 8"/>`,
	"cancelled": `<path d="M3 8h10"/>`,
	"partly":    `<path d="M2 8.5l3 3L11 5"/><circle class="dot" cx="13" cy="12" r="2"/>`,
	"skipped":   `<path d="M3 4l4 4-4 4M9 4l4 4-4 4"/>`,
	"copy":      `<path d="M5.5 5.5h8v8h-8zM3 10.5h-.5v-8h8V3"/>`,
	"warning":   `<path d="M8 2.5l6 11H2zM8 6.5v3M8 11.5v.3"/>`,
	"dead":      `<path d="M2.5 4h11v9h-11zM2.5 4l5.500 5L13.500 4"/>`,
}

// looks maps a status to its shape, its colour class, and a word if the word
// differs from the status.
var looks = map[string]struct{ shape, class, word string }{
	"queued":                {"queued", "queued", ""},
	"active":                {"completed", "completed", ""},
	"late":                  {"warning", "retrying", ""},
	"paused":                {"queued", "queued", ""},
	"removed":               {"cancelled", "cancelled", ""},
	"delayed":               {"queued", "queued", ""},
	"waiting":               {"queued", "queued", ""},
	"running":               {"running", "running", ""},
	"completed":             {"completed", "completed", ""},
	"ok":                    {"completed", "completed", ""},
	"retrying":              {"retrying", "retrying", ""},
	"cancelling":            {"retrying", "retrying", "cancelling…"},
	"finalizing":            {"running", "running", "finalizing…"},
	"failing":               {"failed", "failed", "failing…"},
	"failed":                {"failed", "failed", ""},
	"cancelled":             {"cancelled", "cancelled", ""},
	"skipped":               {"skipped", "cancelled", ""},
	"completed_with_errors": {"partly", "partly", "completed with errors"},
	"dead":                  {"dead", "failed", "dead-lettered"},
	"degraded":              {"warning", "retrying", ""},
	"timeout":               {"warning", "retrying", ""},
	"unavailable":           {"failed", "failed", ""},
}

// icon returns the drawing of a shape.
func icon(name string) template.HTML {
	class := "icon"
	if name == "running" {
		class += " spin"
	}

	return `<svg class="` + template.HTML(class) + //nolint:gosec // constants
		`" viewBox="0 0 16 16" aria-hidden="true">` + shapes[name] + `</svg>`
}

// iconOf returns the shape for a class of cells.
func iconOf(class string) string {
	if class == "some" {
		return "queued"
	}

	return class
}

// badge returns a status with its shape and its word.
func badge(status any) template.HTML {
	name := fmt.Sprint(status)

	look, ok := looks[name]
	if !ok {
		look.shape, look.class = "queued", "queued"
	}

	return template.HTML(`<span class="badge s-`+look.class+`">`) + icon(look.shape) + //nolint:gosec // constants
		template.HTML(template.HTMLEscapeString(state.VisibleText(word(name)))) + `</span>` //nolint:gosec // escaped
}

// lookOf returns a badge with the look of a status and other words.
func lookOf(status, words string) template.HTML {
	look := looks[status]

	return template.HTML(`<span class="badge s-`+look.class+`">`) + icon(look.shape) + //nolint:gosec // constants
		template.HTML(template.HTMLEscapeString(state.VisibleText(words))) + `</span>` //nolint:gosec // escaped
}

// word returns a status as people read it.
func word(status any) string {
	name := fmt.Sprint(status)
	if w := looks[name].word; w != "" {
		return w
	}

	return strings.ReplaceAll(name, "_", " ")
}

// num formats an integer with separated thousands.
func num(v any) string {
	s := fmt.Sprint(v)

	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}

	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}

	return sign + s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}

	return many
}

// Formats of times. Each has its date and its zone. The page is in UTC, and a
// script shows the same formats in the zone of the browser if the user wants it.
const (
	stamp   = "2006-01-02 15:04:05 UTC"
	precise = "2006-01-02 15:04:05.000 UTC"
	minute  = "2006-01-02 15:04 UTC"
)

// exact formats a time as a log would.
func exact(v any) template.HTML {
	return timestamp(v, "exact", func(at time.Time) string { return at.Format(stamp) })
}

// exactly formats the time of an entry, to the millisecond.
func exactly(v any) template.HTML {
	return timestamp(v, "precise", func(at time.Time) string { return at.Format(precise) })
}

// hour formats a time to the minute.
func hour(v any) template.HTML {
	return timestamp(v, "minute", func(at time.Time) string { return at.Format(minute) })
}

// ago formats a time relative to now. After a week, it shows the time itself.
func ago(v any) template.HTML {
	return timestamp(v, "ago", func(at time.Time) string {
		d := time.Since(at)
		switch {
		case d > 7*24*time.Hour:
			return at.Format(minute)
		case d < time.Minute:
			return strconv.Itoa(int(max(d, 0)/time.Second)) + " s ago"
		case d < time.Hour:
			return strconv.Itoa(int(d/time.Minute)) + " m ago"
		case d < 24*time.Hour:
			return strconv.Itoa(int(d/time.Hour)) + " h ago"
		}

		return strconv.Itoa(int(d/(24*time.Hour))) + " d ago"
	})
}

// since formats the time since an event. It ticks in the browser.
func since(v any) template.HTML {
	return timestamp(v, "since", func(at time.Time) string {
		return view.FormatDuration(time.Since(at).Truncate(time.Second))
	})
}

// until formats the time until an event. It ticks in the browser.
func until(v any) template.HTML {
	return timestamp(v, "until", func(at time.Time) string {
		if d := time.Until(at); d > 0 {
			return "in " + roughly(d)
		}

		return "now"
	})
}

// timestamp returns a time element. A nil time becomes a dash.
func timestamp(v any, kind string, say func(time.Time) string) template.HTML {
	var at time.Time

	switch t := v.(type) {
	case time.Time:
		at = t
	case *time.Time:
		if t != nil {
			at = *t
		}
	}

	if at.IsZero() {
		return `<span class="none">–</span>`
	}

	at = at.UTC()

	return template.HTML(fmt.Sprintf( //nolint:gosec // digits and constants
		`<time datetime="%s" title="%s" data-t="%s">%s</time>`,
		at.Format(time.RFC3339Nano),
		at.Format(stamp),
		kind,
		say(at),
	))
}

// between formats the time between two events. If there is an end but no start,
// it is zero.
func between(from, to *time.Time) string {
	if from == nil || to == nil {
		return "–"
	}

	return view.FormatDuration(to.Sub(*from))
}

// duration formats a duration. If it is not known, the text is empty.
func duration(d *time.Duration) string {
	if d == nil {
		return ""
	}

	return view.FormatDuration(*d)
}

// rate formats a number per second, with one decimal place if it is small.
func rate(v float64) string {
	if v > 0 && v < 0.1 {
		return "< 0.1"
	}

	if v > 0 && v < 10 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}

	return num(int(v + 0.5))
}

// roughly formats an estimated duration, without tenths.
func roughly(d time.Duration) string {
	if d < time.Minute {
		return strconv.Itoa(int((d+time.Second-1)/time.Second)) + " s"
	}

	return view.FormatDuration(d)
}

// size formats a number of bytes.
func size(n int) string {
	switch {
	case n < 1<<10:
		return num(n) + " " + plural(n, "byte", "bytes")
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}

	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// folded is a text of which the page shows the beginning. Whole is empty if that
// is all.
type folded struct{ Start, Whole string }

// fold returns a text folded after its first line, or after n characters.
func fold(n int, text string) folded {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")

	f := folded{Start: first(n, line)}
	if more || f.Start != line {
		f.Whole = text
	}

	return f
}

// first cuts a text after n characters.
func first(n int, s string) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}

		n--
	}

	return s
}
