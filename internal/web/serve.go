package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// policy allows a page to load only our own files, forbids inline scripts, and
// forbids framing.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// hostKeys are query parameters that the Functions host reads and passes on.
var hostKeys = []string{"code", "clientId"}

// ui answers the layout of a page, or a static file.
func (s *Server) ui(w http.ResponseWriter, r *http.Request) {
	segments, ok := split(r, s.Prefix+"/ui")
	if ok && len(segments) == 3 && segments[0] == "static" {
		s.assets.serve(w, r, segments[1], segments[2])
		return
	}

	if ok && len(segments) == 1 && segments[0] == "docs" {
		s.docs(w, r)
		return
	}

	if ok && len(segments) == 2 && segments[0] == "help" {
		s.help(w, r, segments[1])
		return
	}

	in, err := read(r, segments, ok)
	if err == nil && in.page.load == nil {
		err = state.Errorf(state.CodeNotFound, "web", "No such page.")
	}

	if err != nil {
		in = &input{page: &page{}, path: strings.Join(segments, "/")}
	}

	if err == nil && !s.Inline {
		s.write(w, r, http.StatusOK, s.render.layout(in, nil, ""))
		return
	}

	status, title, body := s.body(r.Context(), in, err, r)
	s.write(w, r, status, s.render.layout(in, body, title))
}

// view answers the content of a page, or its stream.
func (s *Server) view(w http.ResponseWriter, r *http.Request) {
	segments, ok := split(r, s.Prefix+"/view")

	live := len(segments) > 0 && segments[len(segments)-1] == "live"
	if live {
		segments = segments[:len(segments)-1]
	}

	in, err := read(r, segments, ok)
	if live && err == nil {
		s.live(w, r, in)
		return
	}

	if err == nil && in.page.raw != nil {
		s.raw(w, r, in)
		return
	}

	status, _, body := s.body(r.Context(), in, err, r)
	s.write(w, r, status, body)
}

// raw answers JSON as it is stored. A browser that opens it shows it as text or
// saves it, but does not execute it.
func (s *Server) raw(w http.ResponseWriter, r *http.Request, in *input) {
	var text json.RawMessage

	err := s.cannot()
	if err == nil {
		text, err = in.page.raw(r.Context(), s, in)
	}

	if err != nil {
		status, _, body := s.trouble(r.Context(), in, err, r)
		s.write(w, r, status, body)

		return
	}

	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(text)))

	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // the browser may have disconnected
	}
}

// split returns the unescaped segments below a prefix. If an escape is invalid,
// ok is false.
func split(r *http.Request, prefix string) ([]string, bool) {
	rest := strings.Trim(strings.TrimPrefix(r.URL.EscapedPath(), prefix), "/")
	if rest == "" {
		return nil, true
	}

	segments := strings.Split(rest, "/")
	for i, one := range segments {
		text, err := url.PathUnescape(one)
		if err != nil || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return segments, false
		}

		segments[i] = text
	}

	return segments, true
}

// read finds the page and checks the query parameters.
func read(r *http.Request, segments []string, ok bool) (*input, error) {
	p, params := match(segments)
	if p == nil || !ok {
		return nil, state.Errorf(state.CodeNotFound, "web", "No such page.")
	}

	escaped := make([]string, len(segments))
	for i, one := range segments {
		escaped[i] = url.PathEscape(one)
	}

	in := &input{page: p, params: params, path: strings.Join(escaped, "/"), root: root(r)}

	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, state.Invalid(
			"web",
			"The address is malformed.",
			state.FieldError{Field: "query", Message: "an escape is invalid"},
		)
	}

	for _, key := range hostKeys {
		values.Del(key)
	}

	for name, given := range values {
		given = slices.DeleteFunc(
			given,
			func(v string) bool { return v == "" },
		) // an empty form field is not a filter
		if values[name] = given; len(given) == 0 {
			values.Del(name)
		}
	}

	in.query, in.raw = values, values.Encode()
	if p.free {
		return in, nil
	}

	return in, unknown(values, p.query)
}

func unknown(values url.Values, known []string) error {
	var bad []state.FieldError

	for name := range values {
		if !api.KnownParameter(known, name) {
			said := "this page has no filters"
			if len(known) > 0 {
				said = "known filters: " + strings.Join(known, ", ")
			}

			bad = append(bad, state.FieldError{Field: state.Excerpt(name), Message: "is not a filter; " + said})
		}
	}

	if len(bad) == 0 {
		return nil
	}

	slices.SortFunc(bad, func(a, b state.FieldError) int { return strings.Compare(a.Field, b.Field) })

	return state.Invalid("web", "The address has an unknown filter.", bad...)
}

// body renders the content of a page, or the problem that prevents it.
func (s *Server) body(
	ctx context.Context,
	in *input,
	err error,
	r *http.Request,
) (status int, title string, html []byte) {
	var c content
	if err == nil {
		c, err = s.load(ctx, in)
	}

	if err == nil {
		var b bytes.Buffer
		if err = s.render.page(&b, in, c); err == nil {
			status = http.StatusOK
			if c.Missing {
				status = http.StatusNotFound
			}

			return status, c.Title, b.Bytes()
		}
	}

	return s.trouble(ctx, in, err, r)
}

// load reads the content of a page. If its path names several jobs, the content
// is a choice of them.
func (s *Server) load(ctx context.Context, in *input) (content, error) {
	if err := s.cannot(); err != nil && !in.page.always {
		return content{}, err
	}

	c, err := in.page.load(ctx, s, in)
	if choice, ok := asChoice(err); ok {
		c, err = choice, nil
	}

	// Scripts show these, so no template makes them visible.
	c.Title = state.VisibleText(c.Title)
	for i, text := range c.Say {
		c.Say[i] = state.VisibleText(text)
	}

	return c, err
}

// cannot returns the reason why there is no data source.
func (s *Server) cannot() error {
	if s.Reader != nil {
		return nil
	}

	return state.Errorf(
		state.CodeUnavailable,
		"web",
		"This process is not ready: %s",
		strings.Join(s.Problems(), "; "),
	)
}

// statuses are the HTTP statuses of error codes. The page describes the error
// in words.
var statuses = map[state.Code]int{
	state.CodeInvalid:     http.StatusBadRequest,
	state.CodeNotFound:    http.StatusNotFound,
	state.CodeUnavailable: http.StatusServiceUnavailable,
	state.CodeBusy:        http.StatusTooManyRequests,
}

// problem is the data of the template "problem".
type problem struct {
	Title, Detail string
	Fields        []state.FieldError
	RequestID     string
	Retry         bool // the same request may succeed in a moment
}

// trouble renders an error as a page or as a fragment of one. The cause is
// logged and never shown on the page.
func (s *Server) trouble(
	ctx context.Context,
	in *input,
	err error,
	r *http.Request,
) (status int, title string, html []byte) {
	p := problem{
		Title:     "Internal error",
		Detail:    "The cause is logged under the request id.",
		RequestID: api.RequestID(r.Context()),
	}

	status = http.StatusInternalServerError
	if e, ok := errors.AsType[*state.Error](err); ok && statuses[e.Code] != 0 {
		status, p.Detail, p.Fields = statuses[e.Code], e.Msg, e.Fields
	}

	switch status {
	case http.StatusNotFound:
		p.Title = "Not found"
	case http.StatusBadRequest:
		p.Title = "The address is invalid"
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		p.Title, p.Retry = "Service unavailable", true
	}

	if status >= http.StatusInternalServerError && ctx.Err() == nil {
		s.Log.LogAttrs(
			ctx,
			slog.LevelWarn,
			"rendering a page failed",
			slog.String("path", r.URL.Path),
			slog.Any(keys.Error, err),
			slog.String("request_id", p.RequestID),
		)
	}

	var b bytes.Buffer

	name := "problem"
	if in != nil && in.page.bare {
		name = "hitch"
	}

	if err := s.render.all.ExecuteTemplate(&b, name, p); err != nil {
		s.Log.LogAttrs(
			ctx,
			slog.LevelError,
			"rendering an error page failed",
			slog.Any(keys.Error, err),
		)
	}

	return status, p.Title, b.Bytes()
}

// write answers with HTML.
func (s *Server) write(w http.ResponseWriter, r *http.Request, status int, html []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(html)))
	w.WriteHeader(status)

	if r.Method != http.MethodHead {
		// The templates have escaped the HTML, which gosec does not always
		// detect. The browser may have disconnected.
		_, _ = w.Write(html) //nolint:gosec,nolintlint
	}
}
