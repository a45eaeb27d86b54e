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
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"coremachine/internal/database"
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

// Migrate brings the schema that url's search_path names up to this build. A
// process may call it again, and several processes may call it concurrently.
// An advisory lock of that schema admits one process first, and the others find
// nothing to do. If a migration fails, it rolls back and the migrations before
// it stay in place. If url cannot be parsed, Migrate returns CodeInvalid. If
// the database is unreachable, it returns CodeUnavailable.
//
// Migrate calls before ahead of each connection, to set a current password. It
// accepts at most one such function.
func Migrate(ctx context.Context, url string, before ...func(context.Context, *pgx.ConnConfig) error) error {
	const op = "repo.Migrate"

	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return state.Errorf(
			state.CodeInvalid,
			op,
			"the database URL cannot be read: it is not a Postgres connection string",
		)
	}

	cfg.ConnectTimeout = connectTimeout

	var options []stdlib.OptionOpenDB
	for _, b := range before {
		options = append(options, stdlib.OptionBeforeConnect(b))
	}

	if err := refusePooler(ctx, cfg, before); err != nil {
		return failure(op, err)
	}

	db := stdlib.OpenDB(*cfg, options...)
	defer func() { _ = db.Close() }()

	if err := migrate(ctx, db); err != nil {
		return failure(op, err)
	}

	return nil
}

// connectTimeout bounds a connect. A migration itself may take as long as it
// needs.
const connectTimeout = 10 * time.Second

// refusePooler refuses a session that others share: the lock that keeps
// migrations apart belongs to a session.
func refusePooler(
	ctx context.Context,
	cfg *pgx.ConnConfig,
	before []func(context.Context, *pgx.ConnConfig) error,
) error {
	cfg = cfg.Copy()
	for _, b := range before {
		if err := b(ctx, cfg); err != nil {
			return err
		}
	}

	pooled, err := database.BehindPooler(ctx, cfg)
	if err != nil || !pooled {
		return err
	}

	return state.Errorf(
		state.CodeInvalid,
		"repo.Migrate",
		"it leads to a connection pooler, but migrations need their own session: use the port of the "+
			"server, for example 5432 instead of 6432",
	)
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
		return state.Errorf(
			state.CodeInvalid,
			"repo.Migrate",
			"the search_path of the database URL names no schema that exists",
		)
	}

	locker, err := lock.NewPostgresSessionLocker(
		lock.WithLockID(lockID(schema)),
		lock.WithLockTimeout(1, 300),
	)
	if err != nil {
		return err
	}

	provider, err := goose.NewProvider(
		goose.DialectPostgres,
		db,
		Migrations(),
		goose.WithSessionLocker(locker),
		goose.WithTableName(versionTable),
	)
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

// rowReader is a Repo's Database, or a pool.
type rowReader interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// SchemaVersion is the newest migration applied to the schema, 0 where none
// was. It reads one small table.
func SchemaVersion(ctx context.Context, db rowReader) (int64, error) {
	var version int64

	err := db.QueryRow(ctx, sqlText("schema_version")).Scan(&version)

	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42P01" { // no such table: never migrated
		return 0, nil
	}

	if err != nil {
		return 0, failure("repo.SchemaVersion", err)
	}

	return version, nil
}

// CheckSchema returns nil when the schema is as new as this build or newer
// (each migration works with the build before it), and an Error with
// CodeUnavailable that names both versions when it is older.
func CheckSchema(ctx context.Context, db rowReader) error {
	have, err := SchemaVersion(ctx, db)
	if err != nil {
		return err
	}

	return Fits(have)
}

// Fits is CheckSchema for a version that is known.
func Fits(have int64) error {
	if want := LatestVersion(); have < want {
		return state.Errorf(state.CodeUnavailable, "repo.CheckSchema",
			"the database schema is at version %d and this build needs %d: run `corectl migrate`", have, want)
	}

	return nil
}

// SchemaNote describes a schema that is newer than this build, which accepts
// it. For any other version it returns "".
func SchemaNote(have int64) string {
	want := LatestVersion()
	if have <= want {
		return ""
	}

	return fmt.Sprintf(
		"the schema is at version %d, newer than the %d of this build: deploy the build that it was migrated for",
		have,
		want,
	)
}
