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

// What lies between this process and Postgres.
const (
	unknown int32 = iota
	direct        // at most a network
	pooled        // a pooler that shares sessions between its clients
)

// tracked are the startup parameters that PgBouncer takes from each client and
// gives to whichever session serves it.
var tracked = []string{
	"application_name",
	"client_encoding",
	"datestyle",
	"standard_conforming_strings",
	"timezone",
}

// refused do not belong to a transaction: search_path, since statements are
// described outside of the transactions that could set it, and what concerns
// the server's TCP connection, whose peer is the pooler.
var refused = []string{"search_path", "options", "tcp_user_timeout"}

// poolerPort is where Azure's own PgBouncer, and by default any, listens.
const poolerPort = 6432

// unsupportedParameter is how a pooler refuses what it cannot keep for a
// client. It is a protocol violation, and so is told by its text.
const unsupportedParameter = "unsupported startup parameter"

// errPooler ends a connection that was made as if there were no pooler.
var errPooler = errors.New("a connection pooler lies before the database")

// localSettings are the arguments that give a transaction what a pooler does
// not take from its clients.
func localSettings(params map[string]string) pgx.StrictNamedArgs {
	var names, values []string

	for _, name := range slices.Sorted(maps.Keys(params)) {
		if slices.Contains(tracked, strings.ToLower(name)) || slices.Contains(refused, name) {
			continue
		}

		names, values = append(names, name), append(values, params[name])
	}

	return pgx.StrictNamedArgs{"names": names, "values": values}
}

// prepare fits a connection that is about to be made to what was learned.
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
		func(name, _ string) bool { return !slices.Contains(tracked, strings.ToLower(name)) },
	)
	// Descriptions belong to the client's connection and hold in every session,
	// unlike named statements. Each statement is parsed again where it runs, in
	// the same round trip.
	cc.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe

	return nil
}

// recognise finds a pooler that accepted the startup parameters and dropped
// them: the number that it gave this client is not that of a server process.
func (db *DB) recognise(ctx context.Context, conn *pgx.Conn) error {
	if db.pooler.Load() != unknown {
		return nil
	}

	var pid uint32
	if err := conn.QueryRow(ctx, backendSQL, pgx.QueryExecModeExec).Scan(&pid); err != nil {
		return err //nolint:wrapcheck // the caller's failure does
	}

	if pid == conn.PgConn().PID() {
		db.pooler.CompareAndSwap(unknown, direct)
		return nil
	}

	db.pooler.Store(pooled)

	return errPooler
}

// learn reports whether a connection failed because of a pooler, so that the
// next one, made for a pooler, can succeed.
func (db *DB) learn(err error) bool {
	if errors.Is(err, errPooler) {
		return true
	}

	if pg, ok := errors.AsType[*pgconn.PgError](
		err,
	); !ok ||
		!strings.Contains(pg.Message, unsupportedParameter) {
		return false
	}
	// Others that connect at the same time find it too: for each the next try
	// is another one.
	db.pooler.Store(pooled)

	return true
}

// Pooled reports whether a pooler lies before the database, as far as known.
func (db *DB) Pooled() bool { return db.pooler.Load() == pooled }

// Settings returns the statement that must follow a begin, with its arguments;
// "" where sessions have their settings.
func (db *DB) Settings() (sql string, args pgx.StrictNamedArgs) {
	if !db.Pooled() {
		return "", nil
	}

	return settingsSQL, db.settings
}

// BehindPooler reports whether a pooler lies before the database of a
// configuration.
func BehindPooler(ctx context.Context, cfg *pgx.ConnConfig) (bool, error) {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if pg, ok := errors.AsType[*pgconn.PgError](
		err,
	); ok &&
		strings.Contains(pg.Message, unsupportedParameter) {
		return true, nil
	}

	if err != nil {
		return false, err //nolint:wrapcheck // the caller's failure does
	}

	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	defer func() { _ = conn.Close(limit) }()

	var pid uint32

	err = conn.QueryRow(limit, backendSQL, pgx.QueryExecModeExec).Scan(&pid)

	return err == nil && pid != conn.PgConn().PID(), err //nolint:wrapcheck // the caller's failure does
}
