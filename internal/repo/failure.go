package repo

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"coremachine/internal/database"
	"coremachine/internal/state"
)

// failure gives a database error its code: what a retry or an operator can
// repair is unavailable, what the data is to blame for is invalid.
func failure(op string, err error) error {
	if _, known := errors.AsType[*state.Error](err); known {
		return err
	}

	if reason := unusable(err); reason != "" {
		return state.Wrap(state.CodeUnavailable, op, reason, err)
	}

	switch {
	case BadData(err):
		return state.Wrap(state.CodeInvalid, op, "the database rejected the data", err)
	case timedOut(err):
		cause := errors.Join(state.ErrStatementTimeout, err)
		return state.Wrap(state.CodeUnavailable, op, "the database is unavailable", cause)
	case Retryable(err):
		return state.Wrap(state.CodeUnavailable, op, "the database is unavailable", err)
	}

	return state.Wrap(state.CodeInternal, op, "a statement failed", err)
}

// What an operator is to do about a database that cannot be used.
const (
	reasonSchema   = "the database schema is missing or does not match this build: run `corectl migrate`"
	reasonDatabase = "the database that DATABASE_URL names does not exist: create it, then run `corectl migrate`"
	reasonRole     = "the database rejects the role or the password of DATABASE_URL"
	reasonRights   = "the role of DATABASE_URL lacks rights on the tables: grant them, or run `corectl " +
		"migrate` as that role"
	reasonBusy = "all database connections of this process are in use: raise DATABASE_CONNECTIONS, or wait"
	reasonPath = "a connection pooler accepts neither search_path nor options in DATABASE_URL: set " +
		"search_path for the role"
)

// unusable says why a database cannot be used until someone repairs it; "": it
// is not such an error.
func unusable(err error) string {
	switch {
	case errors.Is(err, database.ErrNoConnection):
		return reasonBusy
	case errors.Is(err, database.ErrSearchPath):
		return reasonPath
	}

	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return ""
	}

	switch pg.Code {
	case "42P01", "42703", "42704", "42883", "3F000": // no such table, column, type, function, schema
		// Every statement that comes here is one of this package, and a test
		// prepares all of them on the schema of this build. What is not there
		// is therefore missing from the database. Which name is missing does
		// not matter: the schema may lack it, or search_path may lead
		// elsewhere.
		return reasonSchema
	case "3D000":
		return reasonDatabase
	case "28000", "28P01":
		return reasonRole
	case "42501":
		return reasonRights
	}

	return ""
}

// BadData reports whether a row's content made a statement fail: SQLSTATE class
// 22 or 23.
func BadData(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code[:2] == "22" || pg.Code[:2] == "23")
}

// queryCancelled is an SQLSTATE: the statement timeout, or an operator.
const queryCancelled = "57014"

// timedOut reports whether the database answered that a statement reached its
// time limit. A database that does not answer is another matter: less work
// would not help.
func timedOut(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == queryCancelled
}

// planChanged reports a prepared statement that a migration has outdated; the
// driver prepares it again. Other errors with its SQLSTATE are features that
// the server lacks, which no retry brings.
func planChanged(pg *pgconn.PgError) bool {
	return pg.Code == "0A000" && strings.Contains(pg.Message, "cached plan must not change result type")
}

// Retryable reports whether the same statement may succeed later: SQLSTATE
// classes 08, 25 (a transaction that idled, a server that has become a
// standby), 40, 53, 55, 57, 58, an outdated plan, a lost or dead connection, or
// a timeout.
func Retryable(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code[:2] {
		case "08", "25", "40", "53", "55", "57", "58":
			return true
		}

		return planChanged(pg)
	}

	var (
		network net.Error
		connect *pgconn.ConnectError
	)

	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, database.ErrDead) ||
		errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded)
}
