package database

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Kinds of connections to Postgres.
const (
	unknown int32 = iota
	direct        // without a pooler
	pooled        // through a pooler that shares sessions between its clients
)

// trackedParameters are the startup parameters that PgBouncer accepts from each
// client and applies to the session that serves it.
var trackedParameters = []string{
	"application_name",
	"client_encoding",
	"datestyle",
	"standard_conforming_strings",
	"timezone",
}

// excludedParameters cannot be set per transaction. Statements are described
// outside of the transaction that would set search_path, and tcp_user_timeout
// concerns the server's TCP connection, whose peer is the pooler.
var excludedParameters = []string{"search_path", "options", "tcp_user_timeout"}

// poolerPort is the default port of PgBouncer, also of the one built into
// Azure.
const poolerPort = 6432

// unsupportedParameter is part of the error of a pooler that rejects a startup
// parameter. Its code is that of any protocol violation, so only the text
// identifies it.
const unsupportedParameter = "unsupported startup parameter"

// errPooler ends a connection that was opened as a direct one, but goes through
// a pooler.
var errPooler = errors.New("a connection pooler is in front of the database")

// localSettings returns the arguments that set, for one transaction, the
// parameters that a pooler does not accept from its clients.
func localSettings(params map[string]string) pgx.StrictNamedArgs {
	var names, values []string

	for _, name := range slices.Sorted(maps.Keys(params)) {
		if slices.Contains(trackedParameters, strings.ToLower(name)) || slices.Contains(excludedParameters, name) {
			continue
		}

		names, values = append(names, name), append(values, params[name])
	}

	return pgx.StrictNamedArgs{"names": names, "values": values}
}

// prepare adapts the configuration of the next connection to a pooler, if one
// was detected.
func (db *DB) prepare(cc *pgx.ConnConfig) error {
	if cc.Port == poolerPort {
		db.pooler.CompareAndSwap(unknown, pooled)
	}

	if !db.Pooled() {
		return nil
	}

	if cc.RuntimeParams["search_path"] != "" || cc.RuntimeParams["options"] != "" {
		return ErrSearchPath
	}

	maps.DeleteFunc(
		cc.RuntimeParams,
		func(name, _ string) bool { return !slices.Contains(trackedParameters, strings.ToLower(name)) },
	)
	// Descriptions belong to the client's connection and are valid in every
	// session. Named statements are not. The session parses each statement
	// again, in the same round trip.
	cc.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe

	return nil
}

// detectPooler detects a pooler that accepted the startup parameters and
// dropped them. Such a pooler gives its client a process ID that differs from
// that of the server process.
func (db *DB) detectPooler(ctx context.Context, conn *pgx.Conn) error {
	if db.pooler.Load() != unknown {
		return nil
	}

	var pid uint32
	if err := conn.QueryRow(ctx, backendSQL, pgx.QueryExecModeExec).Scan(&pid); err != nil {
		return err //nolint:wrapcheck // the caller wraps it
	}

	if pid == conn.PgConn().PID() {
		db.pooler.CompareAndSwap(unknown, direct)
		return nil
	}

	db.pooler.Store(pooled)

	return errPooler
}

// recordPooler reports whether a connection failed because of a pooler, and
// records it, so that the next connection can succeed.
func (db *DB) recordPooler(err error) bool {
	if errors.Is(err, errPooler) {
		return true
	}

	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || !strings.Contains(pg.Message, unsupportedParameter) {
		return false
	}

	// Concurrent callers can detect the pooler too. Each of them tries once
	// more.
	db.pooler.Store(pooled)

	return true
}

// Pooled reports whether a pooler was detected.
func (db *DB) Pooled() bool { return db.pooler.Load() == pooled }

// Settings returns the statement that must follow a BEGIN, with its arguments.
// It returns "" if the settings belong to the session.
func (db *DB) Settings() (sql string, args pgx.StrictNamedArgs) {
	if !db.Pooled() {
		return "", nil
	}

	return settingsSQL, db.settings
}

// BehindPooler connects and reports whether the connection goes through a
// pooler.
func BehindPooler(ctx context.Context, cfg *pgx.ConnConfig) (bool, error) {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && strings.Contains(pg.Message, unsupportedParameter) {
		return true, nil
	}

	if err != nil {
		return false, err //nolint:wrapcheck // the caller wraps it
	}

	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	defer func() { _ = conn.Close(limit) }()

	var pid uint32

	err = conn.QueryRow(limit, backendSQL, pgx.QueryExecModeExec).Scan(&pid)

	return err == nil && pid != conn.PgConn().PID(), err //nolint:wrapcheck // the caller wraps it
}
