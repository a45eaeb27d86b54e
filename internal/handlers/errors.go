package handlers

import (
	"errors"
	"time"

	"coremachine/internal/state"
)

type permanentError struct{ err error }

// Permanent marks an error that no retry can help: the task fails at once.
// Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}

	return &permanentError{err}
}

// IsPermanent tells whether an error, or one that it wraps, was marked with
// Permanent or has CodePermanent.
func IsPermanent(err error) bool {
	return errors.Is(err, &state.Error{Code: state.CodePermanent})
}

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Is lets errors.Is see the mark as the code that it stands for.
func (e *permanentError) Is(target error) bool {
	t, ok := target.(*state.Error)
	return ok && t.Code == state.CodePermanent
}

// As does the same for errors.As.
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

// RetryAfter says how long to wait before the next attempt, in place of what
// the retry policy says. It counts as a failed attempt all the same.
// RetryAfter(d, nil) is nil; a negative d counts as 0.
func RetryAfter(d time.Duration, err error) error {
	if err == nil {
		return nil
	}

	return &retryAfterError{err: err, delay: max(d, 0)}
}

// RetryDelay returns the wait that RetryAfter put on an error or on one that it
// wraps.
func RetryDelay(err error) (time.Duration, bool) {
	var e *retryAfterError
	if !errors.As(err, &e) {
		return 0, false
	}

	return e.delay, true
}

func (e *retryAfterError) Error() string { return e.err.Error() }
func (e *retryAfterError) Unwrap() error { return e.err }
