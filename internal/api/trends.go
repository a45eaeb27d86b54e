package api

import (
	"net/http"
	"strings"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// trends answers the recorded numbers of a window.
func (a *API) trends(w http.ResponseWriter, r *http.Request) {
	f, err := ReadTrendFilter(r.URL.RawQuery)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	found, err := a.Reader.ReadTrends(r.Context(), f)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.ok(w, r, found)
}

// ReadTrendFilter reads the query of a request for trends.
func ReadTrendFilter(raw string) (view.TrendFilter, error) {
	q := parseQuery(raw, "window", "type")
	name := q.text("window")

	window, ok := view.FindTrendWindow(name)
	if !ok {
		names := make([]string, len(view.TrendWindows))
		for i, one := range view.TrendWindows {
			names[i] = one.Name
		}

		q.wrong("window", "%q is not one of %s", state.Excerpt(name), strings.Join(names, ", "))
	}

	return view.TrendFilter{Window: window, JobType: q.text("type")}, q.err()
}
