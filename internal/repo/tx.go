package repo

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"coremachine/internal/state"
)

// tx is one transaction; its statements pass the fault seam. Every round trip
// costs as much as a small statement, so tx sends BEGIN with the first
// statement. It sends a statement whose rows the caller does not need yet (see
// later) with the next statement, or with COMMIT. If a statement fails, the
// server skips all statements after it, including COMMIT.
type tx struct{ *txState }

type txState struct {
	repo    *Repo
	conn    sender
	schema  string   // qualifies the names of tables; empty: search_path does
	waiting []queued // in order, not sent yet
	local   state.LocalCapacity
}

// sender is a connection of the pool, or a transaction of a caller.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// queued is a statement that has not been sent; read, where it is not nil, is
// given its rows.
type queued struct {
	sql  string
	args namedArgs
	read func(pgx.Rows) error
}

func (r *Repo) at(point string) error {
	if r.fault == nil {
		return nil
	}

	return r.fault(point)
}

// later sends a statement with the next one, or with COMMIT; read is called
// before inTx returns.
func (t tx) later(name string, args namedArgs, read func(pgx.Rows) error) error {
	if err := t.repo.at(name); err != nil {
		return err
	}

	t.waiting = append(t.waiting, queued{qualified(t.schema, name), args, read})

	return nil
}

func (t tx) exec(ctx context.Context, name string, args namedArgs) (int, error) {
	rows, err := t.query(ctx, name, args)
	if err != nil {
		return 0, err
	}

	rows.Close()

	return int(rows.CommandTag().RowsAffected()), rows.Err()
}

// query sends a statement with all that waits before it.
func (t tx) query(ctx context.Context, name string, args namedArgs) (pgx.Rows, error) {
	if err := t.later(name, args, nil); err != nil {
		return nil, err
	}

	results, err := t.send(ctx, 1)
	if err != nil {
		return nil, err
	}

	rows, err := results.Query()
	if err != nil {
		return nil, errors.Join(err, results.Close())
	}

	return lastRows{rows, results}, nil
}

// lastRows are the rows of the last statement of a round trip.
type lastRows struct {
	pgx.Rows
	results pgx.BatchResults
}

// Close ends the round trip, so that the connection can be used again.
func (r lastRows) Close() {
	r.Rows.Close()
	_ = r.results.Close() // an error of the last statement is in Err already
}

// send sends what waits in one round trip and reads the answers of all but the
// last unread statements, which are the caller's.
func (t tx) send(ctx context.Context, unread int) (pgx.BatchResults, error) {
	var batch pgx.Batch

	for _, q := range t.waiting {
		if q.args == nil {
			batch.Queue(q.sql)
			continue
		}

		batch.Queue(q.sql, q.args)
	}

	sent := t.waiting
	t.waiting = nil

	results := t.conn.SendBatch(ctx, &batch)
	for _, q := range sent[:len(sent)-unread] {
		if err := answer(results, q); err != nil {
			return nil, errors.Join(err, results.Close())
		}
	}

	return results, nil
}

// sendAll sends what waits and reads all answers.
func (t tx) sendAll(ctx context.Context) error {
	if len(t.waiting) == 0 {
		return nil
	}

	results, err := t.send(ctx, 0)
	if err != nil {
		return err
	}

	return results.Close()
}

func answer(results pgx.BatchResults, q queued) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}

	if q.read != nil {
		return q.read(rows)
	}

	rows.Close()

	return rows.Err()
}

// beforeCommit passes the fault seam with nothing but COMMIT left to send, so
// that a fault there meets all locks that the transaction takes.
func (t tx) beforeCommit(ctx context.Context) error {
	if t.repo.fault == nil {
		return nil
	}

	if err := t.sendAll(ctx); err != nil {
		return err
	}

	return t.repo.at("commit")
}

// committed reads the answer to COMMIT. If the server rolled back instead, its
// answer is not an error, so committed returns pgx.ErrTxCommitRollback.
func committed(rows pgx.Rows) error {
	rows.Close()

	if err := rows.Err(); err != nil {
		return err
	}

	if tag := rows.CommandTag().String(); tag != "COMMIT" {
		return pgx.ErrTxCommitRollback
	}

	return nil
}

// lostTries is the maximum number of times that a transaction runs if it loses
// to another. A lost run leaves no changes, so inTx calls fn again. Each call
// of fn must set all that it returns.
const lostTries = 5

// inTx runs fn in one transaction. An error of fn, or a panic, rolls back.
func (r *Repo) inTx(ctx context.Context, op string, fn func(tx) error) error {
	return retryLost(func() error { return r.tryTx(ctx, op, fn) })
}

// retryLost runs a transaction until it does not lose to another, or lostTries
// times.
func retryLost(run func() error) error {
	for try := 1; ; try++ {
		err := run()
		if try == lostTries || !lostToAnother(err) {
			return err
		}
	}
}

// uniqueViolation is an SQLSTATE.
const uniqueViolation = "23505"

// lostToAnother reports whether a transaction failed because of another one.
// Either the server aborted it so that others could continue (SQLSTATE class
// 40), or another transaction inserted the row of a task, or of its attempt,
// after a statement began. The next try sees that row.
func lostToAnother(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != uniqueViolation {
		return ok && strings.HasPrefix(pg.Code, "40")
	}

	return pg.ConstraintName == "tasks_pkey" || pg.ConstraintName == "attempts_pkey"
}

// rollbackLimit bounds a ROLLBACK; a connection that cannot do it is closed
// when it is released.
const rollbackLimit = 5 * time.Second

func (r *Repo) tryTx(ctx context.Context, op string, fn func(tx) error) error {
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return failure(op, err)
	}

	defer conn.Release()

	t := tx{&txState{repo: r, conn: conn, waiting: []queued{{sql: "begin"}}}}
	if sql, args := r.pool.Settings(); sql != "" {
		t.waiting = append(t.waiting, queued{sql: sql, args: namedArgs(args)})
	}
	defer func() {
		if conn.Conn().PgConn().TxStatus() != 'I' {
			limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackLimit)
			defer cancel()

			_, _ = conn.Exec(limit, "rollback")
		}
	}()

	if err := fn(t); err != nil {
		return failure(op, err)
	}

	if err := t.beforeCommit(ctx); err != nil {
		return failure(op, err)
	}

	t.waiting = append(t.waiting, queued{sql: "commit", read: committed})
	if err := t.sendAll(ctx); err != nil {
		return failure(op, err)
	}

	if err := r.at("committed"); err != nil {
		return failure(op, err)
	}

	return nil
}
