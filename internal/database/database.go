package database

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed queries/*.sql
var queries embed.FS

func sqlText(name string) string {
	b, err := queries.ReadFile("queries/" + name + ".sql")
	if err != nil {
		panic("database: no statement " + name)
	}

	return string(b)
}

var (
	settingsSQL = sqlText("settings")
	backendSQL  = sqlText("backend")
)

// Config configures Open.
type Config struct {
	// URL is a Postgres connection string.
	URL string
	// MaxConns limits the size of the pool. Zero means 8.
	MaxConns      int32
	BeforeConnect func(context.Context, *pgx.ConnConfig) error
}

// DB is a pool of connections. It is safe for concurrent use.
type DB struct {
	pool *pgxpool.Pool

	pooler   atomic.Int32 // unknown, direct or pooled
	settings pgx.StrictNamedArgs
}

// Errors of Acquire, Open and Listen.
var (
	ErrNoConnection = errors.New("all connections of this process are in use")
	ErrSearchPath   = errors.New(
		"a connection pooler accepts neither search_path nor options in DATABASE_URL: " +
			"set search_path for the role, with alter role ... set search_path",
	)
	ErrNoListen = errors.New("a connection pooler does not pass on notifications")
)

// Open creates the pool without connecting. The pool connects on first use and
// reconnects when necessary.
func Open(ctx context.Context, c Config) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("parse the address: %w", err)
	}

	cfg.MaxConns = cmp.Or(c.MaxConns, 8)
	cfg.PingTimeout = pingTimeout
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	params := cfg.ConnConfig.RuntimeParams
	setDefaults(params)

	db := &DB{settings: localSettings(params)}
	cfg.BeforeConnect = func(ctx context.Context, cc *pgx.ConnConfig) error {
		if c.BeforeConnect != nil {
			if err := c.BeforeConnect(ctx, cc); err != nil {
				return err
			}
		}

		return db.prepare(cc)
	}
	cfg.ConnConfig.DialFunc = dial(db.closeIdle)
	cfg.AfterConnect = db.detectPooler
	// The pool does not ping: PrepareConn does.
	cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	cfg.PrepareConn = db.alive

	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("make the pool: %w", err)
	}

	db.pool = pool

	return db, nil
}

// New wraps a pool that the caller created and closes. It neither adds session
// settings nor bounds the reads and writes of the pool's connections.
func New(pool *pgxpool.Pool) *DB {
	db := &DB{pool: pool}
	db.pooler.Store(direct)

	return db
}

// setDefaults adds the settings of every session.
func setDefaults(params map[string]string) {
	// A name in the URL is kept: it distinguishes processes.
	if params["application_name"] == "" {
		params["application_name"] = "coremachine"
	}

	maps.Copy(params, map[string]string{
		"lock_timeout":                        millis(LockTimeout),
		"statement_timeout":                   millis(StatementTimeout),
		"idle_in_transaction_session_timeout": millis(IdleTimeout),
		"tcp_user_timeout":                    millis(userTimeout),
		"timezone":                            "UTC",
		// Every hot statement reaches its rows by key from a short list. On a
		// table that was never analyzed, the planner would hash or scan the
		// whole table.
		"enable_seqscan":   "off",
		"enable_hashjoin":  "off",
		"enable_mergejoin": "off",
		"jit":              "off",
		// Planning these statements again costs more than running them, and no
		// plan depends on the parameters.
		"plan_cache_mode": "force_generic_plan",
	})
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Pool returns the underlying pool, for statements that need no settings.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Close closes the pool.
func (db *DB) Close() { db.pool.Close() }

// closeIdle closes all idle connections. It runs when a connection was found
// dead: the idle ones probably failed for the same reason. Connections in use
// end by their own answer timeout.
func (db *DB) closeIdle() {
	if db.pool != nil {
		db.pool.Reset()
	}
}

// pingAfter is how long a connection can be silent before it is pinged.
const pingAfter = time.Second

// alive reports whether a connection is usable. Cancelling the caller's context
// does not interrupt the ping, because an interrupted ping closes the
// connection.
func (db *DB) alive(ctx context.Context, conn *pgx.Conn) (bool, error) {
	w := wireOf(conn.PgConn().Conn())
	if w == nil || w.idle() < pingAfter {
		return true, nil
	}

	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()

	err := conn.Ping(limit)
	if err == nil {
		return true, nil
	}

	if limit.Err() != nil {
		db.closeIdle()
	}

	return false, nil // the pool tries another connection
}

// Acquire returns a connection for a transaction, or ErrNoConnection if the
// wait takes too long. The caller must release it. Behind a pooler, the caller
// must begin the transaction with the statement that Settings returns.
func (db *DB) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	limit, cancel := context.WithTimeoutCause(ctx, acquireTimeout, ErrNoConnection)
	defer cancel()

	conn, err := db.pool.Acquire(limit)
	if err != nil && db.recordPooler(err) {
		conn, err = db.pool.Acquire(limit)
	}

	if err != nil && ctx.Err() == nil && limit.Err() != nil {
		return nil, errors.Join(context.Cause(limit), err)
	}

	return conn, err //nolint:wrapcheck // the caller wraps it
}

// Ping returns nil if the database answers.
func (db *DB) Ping(ctx context.Context) error {
	_, err := db.Exec(ctx, "select 1")
	return err
}

var _ interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	Query(context.Context, string, ...any) (pgx.Rows, error)
	QueryRow(context.Context, string, ...any) pgx.Row
	SendBatch(context.Context, *pgx.Batch) pgx.BatchResults
} = (*DB)(nil)
