package client

import (
	"fmt"

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

// Error returns the message of the API.
func (e *Error) Error() string {
	switch {
	case e.Detail != "":
		return e.Detail
	case e.Title != "":
		return e.Title
	}

	return fmt.Sprintf("%s answered %d", e.URL, e.Status)
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
