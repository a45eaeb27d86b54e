package pglocal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Options configures Start.
type Options struct {
	// Dir is the cluster's directory, which is created if necessary. All users
	// of one directory and one major version share one server. The server's
	// account must be able to enter its parents. If it cannot, a directory in
	// /var/tmp named after Dir is used instead. If Dir is empty, a temporary
	// directory is used, which the last Stop deletes.
	Dir string
	// Durable enables fsync, so that data survives a crash of the machine: for
	// demo, dev, bench and crash tests. Without it the server is several times
	// faster, and a cluster that was not stopped cleanly is created again.
	Durable bool
	// Settings are additional settings of postgresql.conf by name. They
	// override the defaults of this package, and take effect if this call
	// starts the server.
	Settings map[string]string
	// Prepare is called if this call starts the server, before others can use
	// it. If it returns an error, Start fails.
	Prepare func(ctx context.Context, url string) error
	// InstalledOnly makes Start return ErrNotInstalled instead of installing
	// Postgres, for tests.
	InstalledOnly bool
	// Log gets a line for each slow step and for warnings. It can be nil.
	Log *slog.Logger
}

// Server is a running cluster that this process uses.
type Server struct {
	cluster *cluster
	users   *fileLock
	started bool
	stop    func() error
}

// Start returns when the server accepts connections. This takes about 0.2 s for
// an existing cluster and 1 s for a new one, and returns immediately if another
// process runs the server. If Postgres is not installed, Start installs or
// downloads it, and logs that.
func Start(ctx context.Context, opts Options) (*Server, error) {
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}

	bins, err := ensure(ctx, log, !opts.InstalledOnly)
	if err != nil {
		return nil, err
	}

	acct, err := serverAccount() // the installation may have created it
	if err != nil {
		return nil, err
	}

	home, err := makeHome(ctx, log, acct, opts.Dir)
	if err != nil {
		return nil, err
	}

	c := &cluster{
		acct:      acct,
		bins:      bins,
		log:       log,
		home:      home,
		durable:   opts.Durable,
		temporary: opts.Dir == "",
		settings:  opts.Settings,
	}
	s := &Server{cluster: c}

	s.stop = sync.OnceValue(s.leave)
	if err := s.join(ctx, opts.Prepare); err != nil {
		return nil, errors.Join(err, s.stop())
	}

	return s, nil
}

// join registers this process as a user and starts the server if it does not
// run.
func (s *Server) join(ctx context.Context, prepare func(context.Context, string) error) error {
	startLock, err := openLock(s.cluster.startLock())
	if err != nil {
		return err
	}
	defer startLock.close()

	if err := startLock.lock(ctx, true); err != nil {
		return err
	}

	usersPath := s.cluster.usersLock()
	if s.users, err = openLock(usersPath); err != nil {
		return err
	}

	if err := s.users.lock(ctx, false); err != nil {
		return err
	}

	_, up, err := s.cluster.running(ctx)
	if err != nil {
		return err
	}

	if up {
		return s.cluster.awaitReady(ctx)
	}

	s.started = true
	if err := s.cluster.guard(ctx, usersPath); err != nil {
		return err
	}

	if err := s.cluster.start(ctx); err != nil || prepare == nil {
		return err
	}

	return prepare(ctx, s.URL())
}

// stopTimeout limits the time to stop a server. It replaces the caller's
// context, because a stop often follows a cancel.
const stopTimeout = 2 * time.Minute

// Stop ends the use by this process. The last user stops the server. Further
// calls return the result of the first.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()

	if s.users == nil {
		return nil
	}

	defer s.users.close()

	startLock, err := openLock(s.cluster.startLock())
	if err != nil {
		return err
	}
	defer startLock.close()

	if err := startLock.lock(ctx, true); err != nil {
		return err
	}

	alone, err := s.users.try(true)
	if err != nil {
		return err
	}

	if !alone {
		// Either other processes use the server, or the guard is stopping it
		// now. The shared lock is available immediately or when the guard is
		// done.
		return s.users.lock(ctx, false)
	}

	if err := s.cluster.stop(ctx, "fast"); err != nil {
		return err
	}

	if s.cluster.temporary {
		return os.RemoveAll(s.cluster.home)
	}

	return nil
}

// Kill crashes the server for all its users: it ends without a checkpoint, as
// in a power failure. Restart starts it again.
func (s *Server) Kill() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()

	return s.cluster.stop(ctx, "immediate")
}

// Restart starts a server that was killed, or stops and starts a running one.
// The URL stays the same.
func (s *Server) Restart(ctx context.Context) error {
	startLock, err := openLock(s.cluster.startLock())
	if err != nil {
		return err
	}
	defer startLock.close()

	if err := startLock.lock(ctx, true); err != nil {
		return err
	}

	if err := s.cluster.stop(ctx, "fast"); err != nil {
		return err
	}

	return s.cluster.start(ctx)
}

// URL returns the address of the server for pgx and libpq, with its superuser
// and the database postgres. It contains no password, because the directory of
// the socket protects access.
func (s *Server) URL() string {
	query := url.Values{"host": {s.cluster.socketDir()}, "sslmode": {"disable"}}
	return "postgres://postgres@/postgres?" + query.Encode()
}

// PID returns the process ID of the postmaster, or 0 if it does not run.
func (s *Server) PID() int {
	p, up, err := s.cluster.running(context.Background())
	if err != nil || !up {
		return 0
	}

	return p.pid
}

// Started reports whether this call of Start started the server, instead of
// joining other users.
func (s *Server) Started() bool { return s.started }

// LogFile returns the path of the server's log.
func (s *Server) LogFile() string { return s.cluster.logFile() }

// ErrNotInstalled means that Start found no Postgres and may not install one.
var ErrNotInstalled = errors.New("pglocal: Postgres is not installed")

// Install installs or downloads Postgres if this machine has none.
func Install(ctx context.Context, log *slog.Logger) error {
	_, err := ensure(ctx, log, true)
	return err
}

// ensure finds the programs, or installs them if it may. Only one process
// installs at a time.
func ensure(ctx context.Context, log *slog.Logger, install bool) (binaries, error) {
	if b, found, err := findBinaries(ctx); err != nil || found {
		return b, err
	}

	acct, err := serverAccount()
	if err != nil {
		return binaries{}, err
	}

	cache := filepath.Join(os.TempDir(), "coremachine-"+strconv.Itoa(acct.uid))
	if dir, err := os.UserCacheDir(); err == nil && acct.cred == nil {
		cache = filepath.Join(dir, "coremachine")
	} else if acct.cred != nil {
		cache = "/var/cache/coremachine"
	}

	if !install {
		b, err := probe(ctx, downloaded(cache))
		if err != nil {
			err = ErrNotInstalled
		}

		return b, err
	}

	if err := acct.makePrivateDir(cache); err != nil {
		return binaries{}, err
	}

	installLock, err := openLock(filepath.Join(cache, "install.lock"))
	if err != nil {
		return binaries{}, err
	}
	defer installLock.close()

	if err := installLock.lock(ctx, true); err != nil {
		return binaries{}, err
	}

	return ensureBinaries(ctx, log, acct, cache)
}

// makeHome creates the cluster's directory where the server's account can enter
// it.
func makeHome(ctx context.Context, log *slog.Logger, acct account, dir string) (string, error) {
	if dir == "" {
		home, err := os.MkdirTemp("", "coremachine-pg-")
		if err != nil {
			return "", fmt.Errorf("pglocal: %w", err)
		}

		return home, acct.makePrivateDir(home)
	}

	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("pglocal: %w", err)
	}

	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // the server's account must enter it
		return "", fmt.Errorf("pglocal: %w", err)
	}

	if !acct.canEnter(ctx, filepath.Dir(dir)) {
		other := "/var/tmp/coremachine-pg-" + digest(dir)
		log.WarnContext(
			ctx,
			"the server's account cannot enter the folder, using another",
			"account",
			acct.name,
			"folder",
			dir,
			"instead",
			other,
		)
		dir = other
	}

	return dir, acct.makePrivateDir(dir)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
