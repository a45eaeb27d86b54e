package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"coremachine/internal/state"
)

// Error is an error response: the problem+json body, or only the status if the
// Functions host answered.
type Error struct {
	URL        string             `json:"-"`
	Status     int                `json:"-"`
	RetryAfter string             `json:"-"`
	Title      string             `json:"title"`
	Detail     string             `json:"detail"`
	RequestID  string             `json:"request_id"`
	Code       state.Code         `json:"code"`
	Fields     []state.FieldError `json:"errors"`
	Body       []byte             `json:"-"` // raw body, or the report of a failed health check
}

// Error returns the message of the API with the code, the fields and the request
// ID, in one line.
func (e *Error) Error() string {
	var text strings.Builder

	fmt.Fprintf(&text, "%s (%d %s)", e.Message(), e.Status, e.ErrorCode())

	for i, f := range e.Fields {
		sep := "; "
		if i == 0 {
			sep = ": "
		}

		text.WriteString(sep + f.Field + ": " + f.Message)
	}

	if e.RequestID != "" {
		text.WriteString(" [request " + e.RequestID + "]")
	}

	return text.String()
}

// ErrorCode returns the code of the problem. A response of the Functions host has
// none: its status decides.
func (e *Error) ErrorCode() state.Code {
	if e.Code != "" {
		return e.Code
	}

	switch e.Status {
	case http.StatusUnauthorized:
		return state.CodeUnauthorized
	case http.StatusForbidden:
		return state.CodeForbidden
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return state.CodeUnavailable
	}

	return state.CodeInternal
}

// Message returns the message of the API.
func (e *Error) Message() string {
	switch {
	case e.Detail != "":
		return e.Detail
	case e.Title != "":
		return e.Title
	}

	return fmt.Sprintf("%s answered %d", e.URL, e.Status)
}

// CodeOf returns the code of an error of this package, or of the engine. It is
// CodeUnavailable if there was no answer, CodeInternal for an error without a
// code, and empty for nil.
func CodeOf(err error) state.Code {
	if refused, ok := errors.AsType[*Error](err); ok {
		return refused.ErrorCode()
	}

	if _, gone := errors.AsType[*UnreachableError](err); gone {
		return state.CodeUnavailable
	}

	return state.CodeOf(err)
}

// FieldsOf returns the fields that an error names.
func FieldsOf(err error) []state.FieldError {
	if refused, ok := errors.AsType[*Error](err); ok {
		return refused.Fields
	}

	if e, ok := errors.AsType[*state.Error](err); ok {
		return e.Fields
	}

	return nil
}

// UnreachableError means that there was no answer.
type UnreachableError struct {
	URL    string
	Reason string // in a few words, for people
	Err    error
}

// Error returns the URL and the reason.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cannot reach %s (%s)", e.URL, e.Reason)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// StrangerError means that the answer is not from this API.
type StrangerError struct {
	URL    string
	Status int
	Kind   string // media type of the answer
}

// Error describes the answer that came instead.
func (e *StrangerError) Error() string {
	kind := e.Kind
	if kind == "" {
		kind = "no content type"
	}

	return fmt.Sprintf("%s did not answer like this API (%d, %s)", e.URL, e.Status, kind)
}
