package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"coremachine/internal/dev/devhost"
	"coremachine/internal/dev/pglocal"
	"coremachine/internal/repo"
)

// Options select what to run.
type Options struct {
	Root string // root of the source tree
	App  string // folder of an app that is ready to run; empty means that it is built from Root
	// DatabaseURL names a running Postgres. If it is empty, Start starts one
	// with its data in .local/postgres.
	DatabaseURL string
	ServiceBus  bool   // carry messages over Service Bus instead of Postgres
	Connection  string // Service Bus connection string; empty means a replacement in this process's memory
	// Sample is the number of blobs in the sample container of a local storage
	// account. With 0, there is no account.
	Sample int
	// Raster is the side in pixels of a sample raster in that container. With 0,
	// there is none.
	Raster   int
	Port     int               // port for clients; 0 means any free port
	AnyPort  bool              // use any free port if Port is in use
	Keys     []string          // function keys that the host requires; empty means that no key is required
	Env      map[string]string // for the handler, overrides the environment of this process
	Output   io.Writer         // receives the output of the handler and the host
	Progress func(text string) // called before long steps; may be nil
}

// System is a running system. Stop it once.
type System struct {
	postgres *pglocal.Server // nil if DatabaseURL was given
	pid      int             // process id of the postmaster, or 0 if DatabaseURL was given
	database string
	repo     *repo.Repo
	host     *devhost.Host
	stop     func() error

	transport transport
	storage   storage

	root, home string // the source tree, and the folder of the running app
	source     tree   // what the running handler was built from
	running    string // digest of the running handler; empty if it is not known
}

// grace is how long the handler may take to requeue its work when it is
// stopped.
const grace = 3 * time.Second

// Start returns when the API reports that it is ready. If it cannot become
// ready, Start stops everything and returns the reason.
func Start(ctx context.Context, o Options) (*System, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}

	s := &System{database: o.DatabaseURL}

	s.stop = sync.OnceValue(s.leave)
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(err, s.stop())
	}

	return s, nil
}

func (s *System) start(ctx context.Context, o Options) error {
	log := slog.New(slog.NewTextHandler(o.Output, nil))

	home, err := s.sourceOf(o)
	if err != nil {
		return err
	}

	parts, partsCtx := errgroup.WithContext(ctx)
	parts.Go(func() error { return s.startPostgres(partsCtx, o, log) })
	parts.Go(func() error { return s.startStorage(partsCtx, o, log) })
	parts.Go(func() error {
		if o.App != "" {
			return nil
		}

		o.Progress("building the handler")

		err := buildApp(partsCtx, o.Root, home)
		if err == nil {
			s.running, err = digest(home)
		}

		return err
	})

	if err := parts.Wait(); err != nil {
		return err
	}

	if err := repo.Migrate(ctx, s.database); err != nil {
		return fmt.Errorf("cannot update the schema: %w", err)
	}

	if s.repo, err = repo.Open(ctx, repo.Config{URL: s.database, MaxConns: 8}); err != nil {
		return err
	}

	carrier := overPostgres
	if o.ServiceBus {
		// overServiceBus does not get ctx, because it must be able to close
		// after the context of the start has ended.
		carrier = func(_ *repo.Repo, log *slog.Logger) (transport, error) {
			return overServiceBus(o.Connection, log)
		}
	}

	if s.transport, err = carrier(s.repo, log); err != nil {
		return err
	}

	env := append(
		[]string{"DATABASE_URL=" + s.database, "FUNCTIONS_WORKER_RUNTIME=custom"},
		s.transport.env...)

	env = append(env, s.storage.env()...)
	if len(o.Keys) == 0 {
		env = append(env, "OPEN_DASHBOARD=true")
	}

	for name, value := range o.Env {
		env = append(env, name+"="+value)
	}

	host := devhost.Options{
		Root: home, Addr: address(o.Port), Receivers: s.transport.receivers, Keys: o.Keys, Env: env,
		Log: log, Console: printer(o.Output), Platform: true, TermFirst: grace,
	}
	o.Progress("starting the host")

	err = s.startHost(ctx, host)
	if errors.Is(err, syscall.EADDRINUSE) && o.AnyPort {
		host.Addr = address(0)
		err = s.startHost(ctx, host)
	}

	if err != nil {
		return err
	}

	return s.awaitReady(ctx)
}

// sourceOf returns the folder of the app, and reads the source tree before it is
// built, so that Watch sees changes during the build.
func (s *System) sourceOf(o Options) (home string, err error) {
	if o.App != "" {
		return o.App, nil
	}

	if s.home, err = Folder(o.Root); err != nil {
		return "", err
	}

	s.root = o.Root
	s.source, err = readTree(o.Root)

	return s.home, err
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (s *System) startHost(ctx context.Context, o devhost.Options) error {
	host, err := devhost.New(o)
	if err != nil {
		return err
	}

	if err := host.Start(ctx); err != nil {
		return err
	}

	s.host = host

	return nil
}

func (s *System) startPostgres(ctx context.Context, o Options, log *slog.Logger) error {
	if s.database != "" {
		return nil
	}

	o.Progress("starting Postgres")

	server, err := pglocal.Start(
		ctx,
		pglocal.Options{Dir: filepath.Join(o.Root, ".local", "postgres"), Durable: true, Log: log},
	)
	if err != nil {
		return fmt.Errorf("cannot start Postgres: %w", err)
	}

	s.postgres, s.database = server, server.URL()
	s.pid = server.PID() // reads one small file

	return nil
}

// printer returns a function that writes the handler's lines unchanged. It
// ignores write errors.
func printer(w io.Writer) func(string, slog.Level, string) {
	var mu sync.Mutex

	return func(_ string, _ slog.Level, line string) {
		mu.Lock()
		defer mu.Unlock()

		_, _ = io.WriteString(w, line+"\n")
	}
}

// URL returns the URL of the API, including /api.
func (s *System) URL() string { return s.host.URL() }

// Database returns the connection string of the Postgres in use.
func (s *System) Database() string { return s.database }

// PIDs returns the process ids of Postgres (0 if Start did not start it), of
// this process, which is the host, and of the handler.
func (s *System) PIDs() (postgres, host, handler int) {
	return s.pid, os.Getpid(), s.host.HandlerPID()
}

// Done returns a channel that is closed when the host has stopped by itself.
// Err then returns the reason.
func (s *System) Done() <-chan struct{} { return s.host.Done() }

// Err returns the reason why the host stopped by itself.
func (s *System) Err() error { return s.host.Err() }

// Stop stops the handler, the host and the Postgres that Start started. Further
// calls return the same error.
func (s *System) Stop() error { return s.stop() }

func (s *System) leave() error {
	var err error
	if s.host != nil {
		err = s.host.Stop()
	}

	if s.transport.close != nil {
		s.transport.close()
	}

	if s.repo != nil {
		s.repo.Close()
	}

	if s.postgres != nil {
		err = errors.Join(err, s.postgres.Stop())
	}

	return errors.Join(err, s.storage.stop())
}
