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

// Options say what to run.
type Options struct {
	Root string // the source tree
	App  string // a folder that holds an app, ready to run; empty: it is built from Root
	// a Postgres that is there; empty: one of our own, its data in
	// .local/postgres
	DatabaseURL string
	ServiceBus  bool   // carry messages over Service Bus instead of Postgres
	Connection  string // of Service Bus; empty: a stand-in in this process's memory
	// blobs of a sample container in a storage account of our own; 0: no such
	// account
	Sample   int
	Port     int               // where clients connect; 0: any free one
	AnyPort  bool              // any free one where Port is taken
	Keys     []string          // function keys that the host demands; none: it asks for no key
	Env      map[string]string // for the handler, over this process's own
	Output   io.Writer         // gets what the handler and the host say
	Progress func(text string) // is told what takes long; nil: nobody
}

// System is everything, running. Stop it once.
type System struct {
	postgres *pglocal.Server // nil where DatabaseURL was given
	pid      int             // of the postmaster, 0 as above
	database string
	repo     *repo.Repo
	host     *devhost.Host
	stop     func() error

	transport transport
	storage   storage
}

// grace is how long the handler may put its work back when it is told to stop.
const grace = 3 * time.Second

// Start returns when the API answers that it is ready, or with the reason why
// it never will; nothing is left running then.
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

	home := o.App
	if home == "" {
		var err error
		if home, err = Folder(o.Root); err != nil {
			return err
		}
	}

	parts, partsCtx := errgroup.WithContext(ctx)
	parts.Go(func() error { return s.startPostgres(partsCtx, o, log) })
	parts.Go(func() error { return s.startStorage(partsCtx, o, log) })
	parts.Go(func() error {
		if o.App != "" {
			return nil
		}

		o.Progress("building the handler")

		return buildApp(partsCtx, o.Root, home)
	})

	err := parts.Wait()
	if err != nil {
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
		// what it closes later must not end with the start
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
	s.pid = server.PID() // it reads one small file

	return nil
}

// printer writes the handler's lines as they are; a failing write is nobody's
// concern.
func printer(w io.Writer) func(string, slog.Level, string) {
	var mu sync.Mutex

	return func(_ string, _ slog.Level, line string) {
		mu.Lock()
		defer mu.Unlock()

		_, _ = io.WriteString(w, line+"\n")
	}
}

// URL is the API's address, /api included.
func (s *System) URL() string { return s.host.URL() }

// Database is the connection string of the Postgres in use.
func (s *System) Database() string { return s.database }

// PIDs are the process ids of Postgres (0 where it was there before), of this
// process, which is the host, and of the handler.
func (s *System) PIDs() (postgres, host, handler int) {
	return s.pid, os.Getpid(), s.host.HandlerPID()
}

// Done is closed when the host has stopped by itself; Err says why.
func (s *System) Done() <-chan struct{} { return s.host.Done() }

// Err is why the host stopped by itself.
func (s *System) Err() error { return s.host.Err() }

// Stop stops the handler, the host and the Postgres that Start started. Further
// calls return what the first did.
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
