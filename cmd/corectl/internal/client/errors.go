package client

import (
	"fmt"

	"coremachine/internal/state"
)

// Error is an answer that refuses: the problem+json body, or the bare status
// where the Functions host answered first.
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

// Error is what the API said, in its own words.
func (e *Error) Error() string {
	switch {
	case e.Detail != "":
		return e.Detail
	case e.Title != "":
		return e.Title
	}

	return fmt.Sprintf("%s answered %d", e.URL, e.Status)
}

// UnreachableError means that nothing answered.
type UnreachableError struct {
	URL    string
	Reason string // in a few words, for people
	Err    error
}

// Error names the address and the reason.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cannot reach %s (%s)", e.URL, e.Reason)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// StrangerError means that something answered which is not this API.
type StrangerError struct {
	URL    string
	Status int
	Kind   string // media type of the answer
}

// Error says what came instead.
func (e *StrangerError) Error() string {
	kind := e.Kind
	if kind == "" {
		kind = "no content type"
	}

	return fmt.Sprintf("%s did not answer like this API (%d, %s)", e.URL, e.Status, kind)
}
