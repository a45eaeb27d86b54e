package repo

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/database"
	"coremachine/internal/state"
)

// Repo runs the transitions. It is safe for concurrent use.
type Repo struct {
	pool   *database.DB
	fault  Fault
	chunk  int // of a retry, see Config
	params *jobCache
	grids  grids
}

// Fault is the fault-injection seam: tests make it return an error, or kill the
// process, at a named point. The points are the statement's name before it is
// sent, "commit" before a COMMIT is sent and "committed" after it was answered.
type Fault func(point string) error

// Config opens a Repo.
type Config struct {
	URL           string // a Postgres connection string
	MaxConns      int32  // most open connections; 0 is 8
	BeforeConnect func(context.Context, *pgx.ConnConfig) error
	RetryChunk    int   // most tasks that one statement of a retry opens; 0 is 10,000
	Fault         Fault // nil outside of tests
}

// Open makes the pool and does not wait for the database: it connects when it
// is first used, and again whenever it must.
func Open(ctx context.Context, c Config) (*Repo, error) {
	pool, err := database.Open(
		ctx,
		database.Config{URL: c.URL, MaxConns: c.MaxConns, BeforeConnect: c.BeforeConnect},
	)
	if err != nil {
		return nil, state.Errorf(
			state.CodeInvalid,
			"repo.Open",
			"the database URL cannot be read: it is not a Postgres connection string",
		)
	}

	r := of(pool)
	r.fault, r.chunk = c.Fault, cmp.Or(c.RetryChunk, r.chunk)

	return r, nil
}

// retryChunk is the most tasks that one statement of a retry opens.
const retryChunk = 10_000

// New wraps a pool that the caller opened and closes.
func New(pool *pgxpool.Pool) *Repo { return of(database.New(pool)) }

func of(pool *database.DB) *Repo {
	return &Repo{pool: pool, chunk: retryChunk, params: newJobCache(cacheJobs), grids: newGrids()}
}

// Pool is the connection pool, for statements that need no more settings than a
// session has.
func (r *Repo) Pool() *pgxpool.Pool { return r.pool.Pool() }

// Database is the same pool, for the transport that lives in the same database.
func (r *Repo) Database() *database.DB { return r.pool }

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

// single runs a statement that is a transaction of its own and reads its rows;
// the fault seam sees it as any other.
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
