package app

import (
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"coremachine/internal/state"
)

// causeOf names why the database cannot be used. The text of an error is no
// name: it holds local ports and addresses, which differ in every attempt.
func causeOf(err error) string {
	reason := ""
	if known, ok := errors.AsType[*state.Error](err); ok {
		reason = known.Msg + ": "
	}

	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return reason + pg.Code
	}

	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return reason + "lookup " + dns.Name + ", not found: " + strconv.FormatBool(dns.IsNotFound)
	}

	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return reason + errno.Error()
	}

	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() ||
		errors.Is(err, os.ErrDeadlineExceeded) {
		return reason + "timeout"
	}

	return reason + innermost(err).Error()
}

// innermost follows an error to what it wraps, and of several to the first.
func innermost(err error) error {
	for {
		switch w := err.(type) { //nolint:errorlint // each step is looked at
		case interface{ Unwrap() error }:
			if w.Unwrap() == nil {
				return err
			}

			err = w.Unwrap()
		case interface{ Unwrap() []error }:
			if len(w.Unwrap()) == 0 {
				return err
			}

			err = w.Unwrap()[0]
		default:
			return err
		}
	}
}
