package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/client"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Exit codes. Scripts rely on them, so the meaning of a code never changes.
const (
	exitOK          = 0
	exitOther       = 1
	exitFailed      = 2
	exitCancelled   = 3
	exitNotFound    = 4
	exitWithErrors  = 5
	exitTimeout     = 6
	exitNotAllowed  = 7
	exitUnreachable = 8
	exitUsage       = 64
	exitInterrupted = 130
)

// exitError ends the command with a code. If the text is empty, nothing is
// printed, because the command has already printed everything.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

func exitf(code int, format string, args ...any) error {
	return &exitError{code: code, text: fmt.Sprintf(format, args...)}
}

func usagef(format string, args ...any) error {
	return exitf(exitUsage, "corectl: "+format, args...)
}

// explain converts any error into the text for the user and the exit code. where
// is the context that the command used, or empty.
func explain(err error, where string) (text string, code int) {
	var (
		exit     *exitError
		refused  *client.Error
		gone     *client.UnreachableError
		stranger *client.StrangerError
	)
	switch {
	case err == nil:
		return "", exitOK
	case errors.As(err, &exit):
		return exit.text, exit.code
	case errors.Is(err, context.Canceled):
		return "", exitInterrupted
	case errors.As(err, &gone):
		advice := "Start the service with `make dev`, or set CORECTL_URL."
		if where != "" {
			advice = "Check its address with `corectl context list`."
		}

		return fmt.Sprintf("Cannot reach %s (%s). %s", placeOf(where, gone.URL), gone.Reason, advice), exitUnreachable
	case errors.As(err, &stranger):
		advice := "Check CORECTL_URL."
		if where != "" {
			advice = "Check the context " + where + " with `corectl context list`."
		}

		return sentence(stranger.Error()) + ". " + advice, exitOther
	case errors.As(err, &refused):
		return explainRefusal(refused, where)
	}

	return "corectl: " + err.Error(), exitOther
}

func explainRefusal(e *client.Error, where string) (text string, code int) {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		advice := "Set a valid function key with CORECTL_KEY or --key-file FILE."
		if where != "" {
			advice = fmt.Sprintf("Put a valid function key into the key file of the context: "+
				"corectl context add %s --url %s --key-file FILE", where, e.URL)
		}

		return fmt.Sprintf("%s rejected the request (%d). %s", placeOf(where, e.URL), e.Status, advice), exitNotAllowed
	case http.StatusNotFound:
		return e.Message(), exitNotFound
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return e.Message() + fieldList(e.Fields), exitUsage
	case http.StatusTooManyRequests:
		return then(
			withRetry(e, "Too much work is queued: "+e.Message()),
			"See "+view.RunbookBusy.At(e.URL)+".",
		), exitOther
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return then(
			withRetry(e, fmt.Sprintf("%s is not ready (%d): %s", placeOf(where, e.URL), e.Status, e.Message())),
			"See `corectl doctor`.",
		), exitUnreachable
	}

	text = e.Message()
	if e.RequestID != "" && e.Status >= http.StatusInternalServerError {
		text += " (request " + e.RequestID + ")"
	}

	return text, exitOther
}

func withRetry(e *client.Error, text string) string {
	if e.RetryAfter == "" {
		return text
	}

	return then(text, "Try again in "+e.RetryAfter+" s.")
}

// then appends a sentence to a text that may end with a period.
func then(text, sentence string) string { return strings.TrimSuffix(text, ".") + ". " + sentence }

func fieldList(fields []state.FieldError) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString("\n  " + f.Field + ": " + f.Message)
	}

	return b.String()
}

// wrongParameters returns the error for a rejected submit that names
// parameters.
func wrongParameters(fields []state.FieldError) error {
	verb := " invalid parameters:"
	if len(fields) == 1 {
		verb = " invalid parameter:"
	}

	return exitf(exitUsage, "%s%s%s", render.Count(len(fields)), verb, fieldList(fields))
}

// ended returns the error, if any, for the final status of a watched job.
func ended(status state.JobStatus, allowErrors bool) error {
	switch status {
	case state.JobCompleted:
		return nil
	case state.JobCompletedWithErrors:
		if allowErrors {
			return nil
		}

		return &exitError{code: exitWithErrors}
	case state.JobFailed:
		return &exitError{code: exitFailed}
	case state.JobCancelled:
		return &exitError{code: exitCancelled}
	case state.JobQueued, state.JobRunning:
		return exitf(exitOther, "corectl: the job has not ended: %s", status)
	}

	return exitf(
		exitOther,
		"corectl: unknown job status %q: this corectl may be older than the server",
		status,
	)
}

func sentence(text string) string {
	if text == "" {
		return text
	}

	return strings.ToUpper(text[:1]) + text[1:]
}
