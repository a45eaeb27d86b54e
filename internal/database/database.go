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

// Config opens a DB.
type Config struct {
	URL           string // a Postgres connection string
	MaxConns      int32  // 0: 8
	BeforeConnect func(context.Context, *pgx.ConnConfig) error
}

// DB is a pool of connections. It is safe for concurrent use.
type DB struct {
	pool *pgxpool.Pool

	pooler   atomic.Int32 // a kind
	settings pgx.StrictNamedArgs
}

// Errors of a caller that waits for a connection, and of an address that
// cannot be used.
var (
	ErrNoConnection = errors.New("all connections of this process are in use")
	ErrSearchPath   = errors.New(
		"a connection pooler takes neither search_path nor options from DATABASE_URL: set search_path for the role, with alter role ... set search_path",
	)
	ErrNoListen = errors.New("a connection pooler does not pass on notifications")
)

// Open makes the pool and does not wait for the database: it connects when it
// is first used, and again whenever it must.
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
	cfg.ConnConfig.DialFunc = dial(db.lost)
	cfg.AfterConnect = db.recognise
	cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false } // alive does
	cfg.PrepareConn = db.alive

	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("make the pool: %w", err)
	}

	db.pool = pool

	return db, nil
}

// New wraps a pool that the caller made and closes. Its sessions have their
// settings, and its connections are dialled as its configuration says.
func New(pool *pgxpool.Pool) *DB {
	db := &DB{pool: pool}
	db.pooler.Store(direct)

	return db
}

// setDefaults adds what each session is to have.
func setDefaults(params map[string]string) {
	if params["application_name"] == "" { // one that the URL gives stays: it tells processes apart
		params["application_name"] = "coremachine"
	}

	maps.Copy(params, map[string]string{
		"lock_timeout":                        millis(LockTimeout),
		"statement_timeout":                   millis(StatementTimeout),
		"idle_in_transaction_session_timeout": millis(IdleTimeout),
		"tcp_user_timeout":                    millis(userTimeout),
		"timezone":                            "UTC",
		// Every hot statement reaches its rows by key from a short list. On a
		// table that was never analysed the planner would otherwise hash or
		// scan it whole.
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

// Pool is the pool itself, for statements that need no settings.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Close closes the pool.
func (db *DB) Close() { db.pool.Close() }

// lost closes all idle connections: one was found dead, and the others went
// the same way. Those in use end by the same limit.
func (db *DB) lost() {
	if db.pool != nil {
		db.pool.Reset()
	}
}

// pingAfter is how long a connection may have been silent and is still trusted.
const pingAfter = time.Second

// alive reports whether a connection can be used. The caller's cancellation
// does not end its check, since that would end the connection too.
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
		db.lost()
	}

	return false, nil // the pool tries another connection
}

// Acquire takes a connection for a transaction, within a bounded time. Release
// it. Behind a pooler, begin the transaction with the statement of Settings.
func (db *DB) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	limit, cancel := context.WithTimeoutCause(ctx, acquireTimeout, ErrNoConnection)
	defer cancel()

	conn, err := db.pool.Acquire(limit)
	if err != nil && db.learn(err) {
		conn, err = db.pool.Acquire(limit)
	}

	if err != nil && ctx.Err() == nil && limit.Err() != nil {
		return nil, errors.Join(context.Cause(limit), err)
	}

	return conn, err //nolint:wrapcheck // the caller's failure does
}

// Ping answers when the database does.
func (db *DB) Ping(ctx context.Context) error {
	_, err := db.Exec(ctx, "select 1")
	return err
}

// Patience changes how long an answer on a connection may take, for a
// statement that the database gives more time. Call what it returns afterwards.
func Patience(conn *pgx.Conn, statement time.Duration) (restore func()) {
	w := wireOf(conn.PgConn().Conn())
	if w == nil {
		return func() {}
	}

	old := w.wait(statement + silence - StatementTimeout)

	return func() { w.wait(old) }
}

var _ interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	Query(context.Context, string, ...any) (pgx.Rows, error)
	QueryRow(context.Context, string, ...any) pgx.Row
	SendBatch(context.Context, *pgx.Batch) pgx.BatchResults
} = (*DB)(nil)
