package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"coremachine/internal/httpserver"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
	"coremachine/internal/view"
)

// statuses is the only table from error codes to HTTP statuses. A code that is
// missing from it is a bug, which returns 500 and a generic text.
var statuses = map[state.Code]int{
	state.CodeInvalid:        http.StatusBadRequest,
	state.CodeMalformed:      http.StatusBadRequest,
	state.CodeTooLarge:       http.StatusRequestEntityTooLarge,
	state.CodeUnknownJobType: http.StatusNotFound,
	state.CodeNotFound:       http.StatusNotFound,
	state.CodeConflict:       http.StatusConflict,
	state.CodeBusy:           http.StatusTooManyRequests,
	state.CodeUnavailable:    http.StatusServiceUnavailable,
}

// Values of Retry-After in seconds, for errors that a retry can fix.
const (
	retryBusy        = "5"
	retryUnavailable = "1"
)

// internalDetail is the generic detail of an internal error. The log has the
// cause under the request ID.
const internalDetail = "Internal error. The cause is logged under the request id."

// Problem is the body of every error response (RFC 9457).
type Problem = httpserver.Problem

// RequestID returns the request ID that the API has put into the context.
func RequestID(ctx context.Context) string { return httpserver.RequestID(ctx) }

// fail writes the problem that corresponds to an error. Causes are logged and
// never sent to the client.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*state.Error](err)
	switch {
	case !ok && r.Context().Err() != nil:
		e = state.Wrap(state.CodeUnavailable, "api", "The client disconnected.", err)
	case !ok:
		e = &state.Error{Code: state.CodeInternal, Err: err}
	}

	status, known := statuses[e.Code]

	p := Problem{Status: status, Detail: e.Msg, Code: e.Code, Errors: e.Fields}
	switch {
	case !known && errors.Is(err, context.Canceled) && r.Context().Err() != nil: // the client disconnected
		p = Problem{Status: http.StatusServiceUnavailable, Detail: "The client disconnected."}
	case !known:
		p = Problem{Status: http.StatusInternalServerError, Detail: internalDetail, Code: state.CodeInternal}

		a.Log.LogAttrs(
			r.Context(),
			slog.LevelError,
			"a request failed",
			slog.Any(keys.Error, err),
			requestAttr(r),
		)
	case status == http.StatusServiceUnavailable:
		if r.Context().Err() != nil {
			break // the client disconnected
		}

		a.Log.LogAttrs(
			r.Context(),
			slog.LevelWarn,
			"request not served",
			slog.Any(keys.Error, err),
			requestAttr(r),
		)
		w.Header().Set("Retry-After", retryUnavailable)
		a.linkHelp(w, view.RunbookNotReady)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		a.linkHelp(w, view.RunbookAccess)
	case status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", retryBusy)
		a.linkHelp(w, view.RunbookBusy)
	}

	httpserver.WriteProblem(w, r, p)
}

// linkHelp links a response to its entry of the runbook.
func (a *API) linkHelp(w http.ResponseWriter, entry view.Runbook) {
	w.Header().Set("Link", entry.Link(a.Prefix))
}
