package repo

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/state"
)

// Repo runs the transitions. It is safe for concurrent use.
type Repo struct {
	pool   *pgxpool.Pool
	fault  Fault
	chunk  int // of a retry, see Config
	params *jobCache
	grids  grids
}

// Fault is the fault-injection seam: tests make it return an error, or kill the process, at a named point. The points are
// the statement's name before it is sent, "commit" before a COMMIT is sent and "committed" after it was answered.
type Fault func(point string) error

// Config opens a Repo.
type Config struct {
	URL           string // a Postgres connection string
	MaxConns      int32  // most open connections; 0 is 8
	BeforeConnect func(context.Context, *pgx.ConnConfig) error
	RetryChunk    int   // most tasks that one statement of a retry opens; 0 is 10,000
	Fault         Fault // nil outside of tests
}

// Limits at the database (design: no statement, lock or idle transaction may hold others up for long).
const (
	lockTimeout      = 5 * time.Second
	statementTimeout = 30 * time.Second
	idleTimeout      = 10 * time.Second
	tcpTimeout       = 10 * time.Second
)

// Open makes the pool and does not wait for the database: it connects when it is first used, and again whenever it must.
func Open(ctx context.Context, c Config) (*Repo, error) {
	cfg, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, state.Errorf(state.CodeInvalid, "repo.Open", "the database URL cannot be read: it is not a Postgres connection string")
	}
	cfg.MaxConns = c.MaxConns
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 8
	}
	cfg.BeforeConnect = c.BeforeConnect
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	setLimits(cfg.ConnConfig.RuntimeParams)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, state.Wrap(state.CodeInvalid, "repo.Open", "the connection pool cannot be made", err)
	}
	r := New(pool)
	r.fault, r.chunk = c.Fault, cmp.Or(c.RetryChunk, r.chunk)
	return r, nil
}

// retryChunk is the most tasks that one statement of a retry opens.
const retryChunk = 10_000

// New wraps a pool that somebody else made and closes.
func New(pool *pgxpool.Pool) *Repo {
	return &Repo{pool: pool, chunk: retryChunk, params: newJobCache(1024)}
}

func setLimits(params map[string]string) {
	if params["application_name"] == "" { // one that the URL gives stays: it tells processes apart
		params["application_name"] = "coremachine"
	}
	maps.Copy(params, map[string]string{
		"lock_timeout":                        millis(lockTimeout),
		"statement_timeout":                   millis(statementTimeout),
		"idle_in_transaction_session_timeout": millis(idleTimeout),
		"tcp_user_timeout":                    millis(tcpTimeout),
		"timezone":                            "UTC",
		// Every hot statement reaches its rows by key from a short list. On a table that was never analysed the planner
		// would otherwise hash or scan it whole.
		"enable_seqscan":   "off",
		"enable_hashjoin":  "off",
		"enable_mergejoin": "off",
		"jit":              "off",
		// Planning these statements anew costs more than running them, and no plan depends on the parameters.
		"plan_cache_mode": "force_generic_plan",
	})
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Pool is the connection pool, for the transport that lives in the same database.
func (r *Repo) Pool() *pgxpool.Pool { return r.pool }

// Close closes the pool.
func (r *Repo) Close() { r.pool.Close() }

// Ping answers when the database does.
func (r *Repo) Ping(ctx context.Context) error {
	if err := r.pool.Ping(ctx); err != nil {
		return failure("repo.Ping", err)
	}
	return nil
}

// one runs a statement that is a transaction of its own, in one round trip.
func (r *Repo) one(ctx context.Context, op, name string, args namedArgs) (int, error) {
	n := 0
	err := r.single(ctx, op, name, args, func(rows pgx.Rows) error {
		rows.Close()
		n = int(rows.CommandTag().RowsAffected())
		return rows.Err()
	})
	return n, err
}

// single runs a statement that is a transaction of its own and reads its rows; the fault seam sees it as any other.
func (r *Repo) single(ctx context.Context, op, name string, args namedArgs, read func(pgx.Rows) error) error {
	if err := errors.Join(r.at(name), r.at("commit")); err != nil {
		return failure(op, err)
	}
	rows, err := r.pool.Query(ctx, statement(name), args)
	if err != nil {
		return failure(op, err)
	}
	if err := read(rows); err != nil {
		return failure(op, err)
	}
	if err := r.at("committed"); err != nil {
		return failure(op, err)
	}
	return nil
}

var statements sync.Map // name -> text, read once

func statement(name string) string {
	known, _ := statements.Load(name)
	if s, ok := known.(string); ok {
		return s
	}
	s := sqlText(name)
	statements.Store(name, s)
	return s
}

// failure gives a database error its code: what a retry can mend is unavailable, what the data is to blame for is invalid.
func failure(op string, err error) error {
	if _, known := errors.AsType[*state.Error](err); known {
		return err
	}
	switch {
	case BadData(err):
		return state.Wrap(state.CodeInvalid, op, "the database refused the data", err)
	case timedOut(err):
		cause := errors.Join(state.ErrStatementTimeout, err)
		return state.Wrap(state.CodeUnavailable, op, "the database cannot be used now", cause)
	case Retryable(err):
		return state.Wrap(state.CodeUnavailable, op, "the database cannot be used now", err)
	}
	return state.Wrap(state.CodeInternal, op, "a statement failed", err)
}

// BadData tells whether a row's content made a statement fail: SQLSTATE class 22 or 23.
func BadData(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code[:2] == "22" || pg.Code[:2] == "23")
}

// queryCancelled is an SQLSTATE: the statement timeout, or an operator.
const queryCancelled = "57014"

// timedOut reports whether the database answered that a statement reached its time
// limit. A database that does not answer is another matter: less work would not help.
func timedOut(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == queryCancelled
}

// planChanged is a prepared statement that a migration has outdated; the driver prepares it anew.
const planChanged = "0A000"

// Retryable tells whether the same statement may succeed later: SQLSTATE classes 08, 25 (a transaction that idled, a server that has
// become a standby), 40, 53, 55, 57, 58, an outdated plan, a lost connection, or no answer in time.
func Retryable(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code[:2] {
		case "08", "25", "40", "53", "55", "57", "58":
			return true
		}
		return pg.Code == planChanged
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
