package repo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"coremachine/internal/database"
	"coremachine/internal/repo"
)

func TestErrorsAreSortedByWhatCanMendThem(t *testing.T) {
	t.Parallel()

	code := func(c string) error { return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: c}) }
	for _, c := range []struct {
		name           string
		err            error
		retryable, bad bool
	}{
		{"deadlock", code("40P01"), true, false},
		{"lock timeout", code("55P03"), true, false},
		{"killed by an administrator", code("57P01"), true, false},
		{"too many connections", code("53300"), true, false},
		{"idle in transaction", code("25P03"), true, false},
		{"read-only after a failover", code("25006"), true, false},
		{"disk read failed", code("58030"), true, false},
		{
			"outdated plan",
			&pgconn.PgError{Code: "0A000", Message: "cached plan must not change result type"}, true, false,
		},
		{
			"a feature that the server lacks",
			&pgconn.PgError{Code: "0A000", Message: "LOCK is not supported here"}, false, false,
		},
		{"text that cannot be stored", code("22P05"), false, true},
		{"refused by a check", code("23514"), false, true},
		{"no such table", code("42P01"), false, false},
		{"connection reset", &net.OpError{Op: "read", Err: errors.New("reset")}, true, false},
		{"cut off", io.ErrUnexpectedEOF, true, false},
		{"a peer that does not answer", fmt.Errorf("wrapped: %w", database.ErrDead), true, false},
		{"cancelled", context.Canceled, true, false},
		{"anything else", errors.New("a defect"), false, false},
	} {
		if got := repo.Retryable(c.err); got != c.retryable {
			t.Errorf("%s: retryable is %v", c.name, got)
		}

		if got := repo.BadData(c.err); got != c.bad {
			t.Errorf("%s: bad data is %v", c.name, got)
		}
	}
}
