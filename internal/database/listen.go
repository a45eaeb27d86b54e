package database

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// listenCheck is how long a listener waits for a notification before it pings
// its connection. Without other traffic, only a ping detects a dead connection.
const listenCheck = 5 * time.Second

// Listen runs a LISTEN statement on a dedicated connection and calls listening.
// Then it calls hear for each notification until the connection ends or is
// found dead. Behind a pooler it returns ErrNoListen.
func (db *DB) Listen(ctx context.Context, sql string, listening func(), hear func(payload string)) error {
	conn, err := db.dedicated(ctx)
	if err != nil {
		return err
	}
	defer func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()

		_ = conn.Close(limit)
	}()

	if _, err := conn.Exec(ctx, sql); err != nil {
		return err //nolint:wrapcheck // the caller logs it
	}

	listening()

	for {
		limit, cancel := context.WithTimeout(ctx, listenCheck)
		n, err := conn.WaitForNotification(limit)
		quiet := limit.Err() != nil && ctx.Err() == nil

		cancel()

		switch {
		case err == nil:
			hear(n.Payload)
		case !quiet || conn.IsClosed():
			return err //nolint:wrapcheck // the caller logs it
		default:
			if err := ping(ctx, conn); err != nil {
				return err
			}
		}
	}
}

// dedicated opens a connection outside of the pool, or returns ErrNoListen if
// there is a pooler between.
func (db *DB) dedicated(ctx context.Context) (*pgx.Conn, error) {
	if db.pooler.Load() == unknown {
		if err := db.Ping(ctx); err != nil {
			return nil, err
		}
	}

	if db.Pooled() {
		return nil, ErrNoListen
	}

	cfg := db.pool.Config()
	if cfg.BeforeConnect != nil {
		if err := cfg.BeforeConnect(ctx, cfg.ConnConfig); err != nil {
			return nil, err //nolint:wrapcheck // the caller logs it
		}
	}

	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller logs it
	}

	return conn, nil
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	limit, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()

	if err := conn.Ping(limit); err != nil {
		return errors.Join(ErrDead, err)
	}

	return nil
}
