package repo

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"coremachine/internal/state"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations is the embedded folder of migrations, forward order by name.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return sub
}

// Migrate brings the schema that url's search_path names up to this build. It may be called again, and by several processes at
// once: an advisory lock of that schema lets one go first and the others find nothing to do. A migration that fails rolls
// back and leaves the ones before it in place. An unreadable url is CodeInvalid, a database away CodeUnavailable.
//
// before is called ahead of each connection, to give it a password of the moment; at most one.
func Migrate(ctx context.Context, url string, before ...func(context.Context, *pgx.ConnConfig) error) error {
	const op = "repo.Migrate"
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return state.Errorf(state.CodeInvalid, op, "the database URL cannot be read: it is not a Postgres connection string")
	}
	var options []stdlib.OptionOpenDB
	for _, b := range before {
		options = append(options, stdlib.OptionBeforeConnect(b))
	}
	db := stdlib.OpenDB(*cfg, options...)
	defer func() { _ = db.Close() }()
	if err := migrate(ctx, db); err != nil {
		return failure(op, err)
	}
	return nil
}

// versionTable records the applied migrations. Its name is not goose's own,
// which another application in the same schema may use.
const versionTable = "coremachine_schema_version"

func migrate(ctx context.Context, db *sql.DB) error {
	var schema string
	if err := db.QueryRowContext(ctx, sqlText("current_schema")).Scan(&schema); err != nil {
		return err
	}
	if schema == "" {
		return state.Errorf(state.CodeInvalid, "repo.Migrate", "the search_path of the database URL names no schema that exists")
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockID(schema)), lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, Migrations(), goose.WithSessionLocker(locker), goose.WithTableName(versionTable))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// lockID keeps schemas of one database out of each other's way.
func lockID(schema string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("coremachine migrate " + schema))
	return int64(h.Sum64() & math.MaxInt64)
}

// LatestVersion is the schema version that this build needs.
func LatestVersion() int64 {
	names, err := fs.Glob(Migrations(), "*.sql")
	if err != nil || len(names) == 0 {
		return 0
	}
	var version int64
	if _, err := fmt.Sscanf(strings.TrimLeft(names[len(names)-1], "0"), "%d_", &version); err != nil {
		return 0
	}
	return version
}

// SchemaVersion is the newest migration applied to the pool's schema, 0 where none was. It reads one small table.
func SchemaVersion(ctx context.Context, pool *pgxpool.Pool) (int64, error) {
	var version int64
	err := pool.QueryRow(ctx, sqlText("schema_version")).Scan(&version)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42P01" { // no such table: never migrated
		return 0, nil
	}
	if err != nil {
		return 0, failure("repo.SchemaVersion", err)
	}
	return version, nil
}

// CheckSchema returns nil when the schema is as new as this build or newer (each migration works with the build before it), and
// an Error with CodeUnavailable that names both versions when it is older.
func CheckSchema(ctx context.Context, pool *pgxpool.Pool) error {
	have, err := SchemaVersion(ctx, pool)
	if err != nil {
		return err
	}
	if want := LatestVersion(); have < want {
		return state.Errorf(state.CodeUnavailable, "repo.CheckSchema",
			"the database schema is at version %d and this build needs %d: run `corectl migrate`", have, want)
	}
	return nil
}
