package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Exec runs a statement in a transaction of its own.
func (db *DB) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return pgconn.CommandTag{}, err
	}

	rows.Close()

	return rows.CommandTag(), rows.Err()
}

// Query runs a statement in a transaction of its own. The caller must close the
// rows.
func (db *DB) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil, err
	}

	if !db.Pooled() {
		found, err := conn.Query(ctx, sql, args...)
		if err != nil {
			conn.Release()
			return nil, err //nolint:wrapcheck // the caller wraps it
		}

		return &rows{Rows: found, conn: conn}, nil
	}

	var b pgx.Batch
	b.Queue(sql, args...)

	results, err := db.sendPooled(ctx, conn, &b)
	if err != nil {
		conn.Release()
		return nil, err
	}

	found, err := results.Query()
	if err != nil {
		err = errors.Join(err, results.Close())

		conn.Release()

		return nil, err
	}

	return &rows{Rows: found, conn: conn, results: results}, nil
}

// QueryRow runs a statement in a transaction of its own and returns its first
// row.
func (db *DB) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	found, err := db.Query(ctx, sql, args...)
	return row{found, err}
}

// SendBatch runs statements in one round trip and one transaction. The caller
// must close the results.
func (db *DB) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return failedBatch{err}
	}

	if !db.Pooled() {
		return &batch{BatchResults: conn.SendBatch(ctx, b), conn: conn}
	}

	results, err := db.sendPooled(ctx, conn, b)
	if err != nil {
		conn.Release()
		return failedBatch{err}
	}

	return &batch{BatchResults: results, conn: conn}
}

// sendPooled sends the settings of the transaction and then the statements.
func (db *DB) sendPooled(ctx context.Context, conn *pgxpool.Conn, b *pgx.Batch) (pgx.BatchResults, error) {
	var all pgx.Batch
	all.Queue(settingsSQL, db.settings)
	all.QueuedQueries = append(all.QueuedQueries, b.QueuedQueries...)

	results := conn.SendBatch(ctx, &all)
	if _, err := results.Exec(); err != nil {
		return nil, errors.Join(err, results.Close())
	}

	return results, nil
}

// rows release their connection when they are closed or read to the end.
type rows struct {
	pgx.Rows
	results pgx.BatchResults // nil if the statement was sent without a batch
	conn    *pgxpool.Conn    // nil after the release
	// err is the error from the end of the transaction.
	err error
}

// Next releases the connection after the last row.
func (r *rows) Next() bool {
	if r.Rows.Next() {
		return true
	}

	r.Close()

	return false
}

// Close releases the connection. It can be called repeatedly.
func (r *rows) Close() {
	r.Rows.Close()

	if r.conn == nil {
		return
	}

	if r.results != nil {
		r.err = r.results.Close()
	}

	r.conn.Release()
	r.conn = nil
}

// Err returns the first error of the statement and of its transaction.
func (r *rows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return err //nolint:wrapcheck // the caller wraps it
	}

	return r.err
}

type row struct {
	found pgx.Rows
	err   error
}

// Scan reads the row and releases the connection.
func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.found.Close()

	if !r.found.Next() {
		if err := r.found.Err(); err != nil {
			return err //nolint:wrapcheck // the caller wraps it
		}

		return pgx.ErrNoRows
	}

	if err := r.found.Scan(dest...); err != nil {
		return fmt.Errorf("scan: %w", err)
	}

	r.found.Close()

	return r.found.Err() //nolint:wrapcheck // the caller wraps it
}

type batch struct {
	pgx.BatchResults
	conn *pgxpool.Conn // nil after the release
}

// Close releases the connection. It can be called repeatedly.
func (b *batch) Close() error {
	err := b.BatchResults.Close()
	if b.conn != nil {
		b.conn.Release()
		b.conn = nil
	}

	return err //nolint:wrapcheck // the caller wraps it
}

// failedBatch is a batch that could not be sent.
type failedBatch struct{ err error }

// Exec returns the error of the send.
func (f failedBatch) Exec() (pgconn.CommandTag, error) { return pgconn.CommandTag{}, f.err }

// Query returns the error of the send.
func (f failedBatch) Query() (pgx.Rows, error) { return nil, f.err }

// QueryRow returns a row with the error of the send.
func (f failedBatch) QueryRow() pgx.Row { return row{err: f.err} }

// Close returns the error of the send.
func (f failedBatch) Close() error { return f.err }

// Tx returns nil, because there is no transaction.
func (f failedBatch) Tx() pgx.Tx { return nil }
