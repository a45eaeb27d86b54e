package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"coremachine/internal/httpserver"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// statuses is the one table from error codes to HTTP statuses. A code that is
// not in it is a defect: 500 and a generic text.
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

// Retry-After of answers that are worth another try, in seconds.
const (
	retryBusy        = "5"
	retryUnavailable = "1"
)

// internalDetail is all that a caller learns of a defect; the log has the cause
// under the request id.
const internalDetail = "The service could not answer this request. Its log has the cause under the request id."

// Problem is the body of every refusal (RFC 9457).
type Problem = httpserver.Problem

// RequestID is the id of a request that the API has passed on.
func RequestID(ctx context.Context) string { return httpserver.RequestID(ctx) }

// fail answers with the problem that an error is. A cause is logged and never
// answered.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*state.Error](err)
	switch {
	case !ok && r.Context().Err() != nil:
		e = state.Wrap(state.CodeUnavailable, "api", "The caller went away.", err)
	case !ok:
		e = &state.Error{Code: state.CodeInternal, Err: err}
	}

	status, known := statuses[e.Code]

	p := Problem{Status: status, Detail: e.Msg, Code: e.Code, Errors: e.Fields}
	switch {
	case !known && errors.Is(err, context.Canceled) && r.Context().Err() != nil: // the caller went away
		p = Problem{Status: http.StatusServiceUnavailable, Detail: "The caller went away."}
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
			break // the caller went away
		}

		a.Log.LogAttrs(
			r.Context(),
			slog.LevelWarn,
			"a request could not be served",
			slog.Any(keys.Error, err),
			requestAttr(r),
		)
		w.Header().Set("Retry-After", retryUnavailable)
	case status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", retryBusy)
	}

	httpserver.WriteProblem(w, r, p)
}
