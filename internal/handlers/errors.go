package handlers

import (
	"errors"
	"time"
)

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error that no retry can mend: the task fails at once. Every other error is transient.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// IsPermanent tells whether an error in the chain was marked by Permanent.
func IsPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}

type retryAfterError struct {
	error
	delay time.Duration
}

func (e retryAfterError) Unwrap() error { return e.error }

// RetryAfter marks a transient error with the wait before the next try, in place of the policy's: what a throttling
// service asked for.
func RetryAfter(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return retryAfterError{err, max(d, 0)}
}

// RetryDelay returns the wait that RetryAfter set.
func RetryDelay(err error) (time.Duration, bool) {
	var r retryAfterError
	if !errors.As(err, &r) {
		return 0, false
	}
	return r.delay, true
}
