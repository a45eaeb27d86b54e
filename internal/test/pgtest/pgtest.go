package pgtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"coremachine/internal/dev/pglocal"
	"coremachine/internal/repo"
	"coremachine/internal/test/needs"
	"coremachine/internal/test/repotest"
)

// Main is the body of a package's TestMain. It runs the tests, fails them if
// goroutines leak, and releases the server.
func Main(m *testing.M, options ...goleak.Option) {
	goleak.VerifyTestMain(m, append(options, goleak.Cleanup(func(code int) {
		if err := release(); err != nil {
			fmt.Fprintln(os.Stderr, err)

			code = max(code, 1)
		}

		os.Exit(code)
	}))...)
}

// WaitBound sets -parallel for a package whose tests wait for leases, timers and
// other processes most of the time. By default as many tests run at a time as
// there are CPUs. An explicit -parallel takes precedence. Call it before Main.
func WaitBound(parallel int) {
	flag.Parse()

	explicit := false

	flag.Visit(func(f *flag.Flag) { explicit = explicit || f.Name == "test.parallel" })

	if explicit {
		return
	}

	n := max(parallel, runtime.GOMAXPROCS(0))
	if err := flag.Set("test.parallel", strconv.Itoa(n)); err != nil {
		panic(err) // the testing package defines the flag
	}
}

// Schema returns a pool of at most 8 connections, with the settings of
// production, on a fresh, migrated schema. Both are removed when the test ends.
// It takes about 30 ms.
func Schema(t testing.TB) *pgxpool.Pool {
	t.Helper()

	r, err := repo.Open(context.Background(), repo.Config{URL: URL(t)})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(r.Close)

	return r.Pool()
}

// URL returns the address of a fresh, migrated schema, for processes and for
// tests that open their own pools. The schema is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()

	return create(t, migrated())
}

// Empty is URL without the migration.
func Empty(t testing.TB) string {
	t.Helper()
	return create(t, "")
}

// create creates a schema and runs statements in it.
func create(t testing.TB, statements string) string {
	t.Helper()

	base, err := server()
	needs.Installed(t, "Postgres", err, pglocal.ErrNotInstalled)

	name := schemaName(t.Name())

	ident := pgx.Identifier{name}.Sanitize()

	err = admin(base, "begin; create schema "+ident+"; set local search_path = "+ident+"; "+statements+"; commit")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := admin(base, "drop schema "+ident+" cascade"); err != nil {
			t.Error(err)
		}
	})

	address, err := withSearchPath(base, name)
	if err != nil {
		t.Fatal(err)
	}

	return address
}

// Own starts a separate, empty server with fsync on, for tests that crash it.
// It takes 1 to 2 s.
func Own(t testing.TB) *pglocal.Server {
	t.Helper()

	s, err := pglocal.Start(t.Context(), pglocal.Options{Durable: true, InstalledOnly: true})
	needs.Installed(t, "Postgres", err, pglocal.ErrNotInstalled)

	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})

	return s
}

// schemaPrefix marks the schemas that this package may drop.
const schemaPrefix = "test_"

var schemas atomic.Int64

// schemaName returns a name that is unique in the run and identifies its owner:
// test_<pid>_<count>_<test>. It has at most 40 of the 63 bytes that Postgres
// allows, to leave room for derived names.
func schemaName(test string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}

		return '_'
	}, strings.TrimPrefix(test, "Test"))

	const most = 40

	name := fmt.Sprintf("%s%d_%d_%s", schemaPrefix, os.Getpid(), schemas.Add(1), clean)

	return name[:min(len(name), most)]
}

func withSearchPath(base, schema string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme == "" {
		return "", errors.New("pgtest: DATABASE_URL must be a URL, not a list of keywords")
	}

	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()

	return u.String(), nil
}

var (
	mu      sync.Mutex
	joined  *pglocal.Server
	failed  error
	started bool
)

// server returns the address of the run's server. The first call finds or
// starts it.
func server() (string, error) {
	if address := os.Getenv("DATABASE_URL"); address != "" {
		return address, nil
	}

	mu.Lock()
	defer mu.Unlock()

	if !started {
		started = true
		joined, failed = join()
	}

	if failed != nil {
		return "", failed
	}

	return joined.URL(), nil
}

func join() (*pglocal.Server, error) {
	root, err := repotest.Root()
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	return pglocal.Start(ctx, pglocal.Options{
		Dir:           filepath.Join(root, ".local", "pgtest"),
		InstalledOnly: true,
		Prepare:       dropLeftovers,
		Log:           slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

func release() error {
	mu.Lock()
	defer mu.Unlock()

	closeSessions()

	if joined == nil {
		return nil
	}

	return joined.Stop()
}

// dropLeftovers drops the schemas that killed runs left behind.
func dropLeftovers(ctx context.Context, base string) error {
	conn, err := pgx.Connect(ctx, base)
	if err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()

	rows, err := conn.Query(
		ctx,
		"select nspname from pg_namespace where starts_with(nspname, $1)",
		schemaPrefix,
	)
	if err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}

	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}

	for _, name := range names {
		if _, err := conn.Exec(ctx, "drop schema "+pgx.Identifier{name}.Sanitize()+" cascade"); err != nil {
			return fmt.Errorf("pgtest: %w", err)
		}
	}

	return nil
}
