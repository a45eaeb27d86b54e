package handlers

import (
	"errors"
	"time"

	"coremachine/internal/state"
)

type permanentError struct{ err error }

// Permanent marks an error that no retry can fix. The task fails immediately.
// Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}

	return &permanentError{err}
}

// IsPermanent reports whether an error, or an error that it wraps, was marked
// with Permanent or has CodePermanent.
func IsPermanent(err error) bool {
	return errors.Is(err, &state.Error{Code: state.CodePermanent})
}

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Is makes errors.Is match the code that the mark stands for.
func (e *permanentError) Is(target error) bool {
	t, ok := target.(*state.Error)
	return ok && t.Code == state.CodePermanent
}

// As makes errors.As match the code that the mark stands for.
func (e *permanentError) As(target any) bool {
	t, ok := target.(**state.Error)
	if ok {
		*t = &state.Error{Code: state.CodePermanent, Msg: e.err.Error()}
	}

	return ok
}

type retryAfterError struct {
	err   error
	delay time.Duration
}

// RetryAfter sets the wait before the next attempt and overrides the retry
// policy. The attempt still counts as failed. RetryAfter(d, nil) is nil. A
// negative d counts as 0.
func RetryAfter(d time.Duration, err error) error {
	if err == nil {
		return nil
	}

	return &retryAfterError{err: err, delay: max(d, 0)}
}

// RetryDelay returns the wait that RetryAfter set on an error or on an error
// that it wraps.
func RetryDelay(err error) (time.Duration, bool) {
	var e *retryAfterError
	if !errors.As(err, &e) {
		return 0, false
	}

	return e.delay, true
}

func (e *retryAfterError) Error() string { return e.err.Error() }
func (e *retryAfterError) Unwrap() error { return e.err }
