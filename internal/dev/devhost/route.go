package devhost

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// route is an HTTP function below the route prefix.
type route struct {
	function *Function
	segments []segment
	methods  []string // lower-case; empty means all
}

type segment struct {
	text     string // a literal, or the name of a parameter
	param    bool
	optional bool
	rest     bool // {*name}: the remaining path, which can be empty
}

// newRoutes sorts the HTTP functions like ASP.NET: segment by segment, literals
// before parameters before catch-alls.
func newRoutes(a *App) ([]route, error) {
	var all []route

	for i := range a.Functions {
		f := &a.Functions[i]
		if f.Trigger.Type != typeHTTP {
			continue
		}

		text := f.Name
		if f.Trigger.Route != nil {
			text = *f.Trigger.Route
		}

		r := route{function: f, methods: f.Trigger.Methods}

		full := strings.Trim(a.Prefix+"/"+strings.Trim(text, "/"), "/")
		if first, _, _ := strings.Cut(strings.Trim(text, "/"), "/"); first == "admin" || first == "runtime" {
			return nil, fmt.Errorf(
				"devhost.New: the function %s is in error: the route %q is reserved",
				f.Name,
				text,
			)
		}

		for part := range strings.SplitSeq(full, "/") {
			s, err := parseSegment(part)
			if err != nil {
				return nil, fmt.Errorf(
					"devhost.New: the function %s is in error: route %q: %w",
					f.Name,
					text,
					err,
				)
			}

			r.segments = append(r.segments, s)
		}

		all = append(all, r)
	}

	slices.SortStableFunc(
		all,
		func(a, b route) int { return strings.Compare(a.precedence(), b.precedence()) },
	)

	return all, nil
}

func parseSegment(text string) (segment, error) {
	inner, isParam := strings.CutPrefix(text, "{")
	if !isParam {
		if strings.ContainsAny(text, "{}") {
			return segment{}, fmt.Errorf("the segment %q is not supported", text)
		}

		return segment{text: text}, nil
	}

	inner, closed := strings.CutSuffix(inner, "}")
	if !closed || strings.ContainsAny(inner, "{}:=") {
		return segment{}, fmt.Errorf("%q: constraints and defaults make some hosts answer 503", text)
	}

	s := segment{param: true}
	inner, s.rest = strings.CutPrefix(inner, "*")
	inner, s.optional = strings.CutSuffix(inner, "?")
	s.text = inner

	return s, nil
}

func (r route) precedence() string {
	var b strings.Builder

	for _, s := range r.segments {
		switch {
		case s.rest:
			b.WriteByte('5')
		case s.param:
			b.WriteByte('3')
		default:
			b.WriteByte('1')
		}
	}

	return b.String()
}

// match reports whether a path has the form of the route. Literals match in any
// case.
func (r route) match(parts []string) bool {
	for i, s := range r.segments {
		switch {
		case s.rest:
			return true
		case i >= len(parts):
			if !s.optional {
				return false
			}
		case s.param:
			if parts[i] == "" {
				return false
			}
		case !strings.EqualFold(s.text, parts[i]):
			return false
		}
	}

	return len(parts) <= len(r.segments)
}

// find returns the function of a request, or nil. If the path matches but the
// method does not, it continues with the next route.
func (h *Host) find(method string, u *url.URL) *Function {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")

	for _, r := range h.routes {
		if len(r.methods) > 0 &&
			!slices.ContainsFunc(r.methods, func(m string) bool { return strings.EqualFold(m, method) }) {
			continue
		}

		if r.match(parts) {
			return r.function
		}
	}

	return nil
}
