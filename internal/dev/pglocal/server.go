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

// Options says which cluster is wanted.
type Options struct {
	// Dir is the cluster's folder, made where it is missing. All who name the
	// same folder share one server. The server's account must be able to enter
	// the folders above it; where it cannot, a folder of /var/tmp named after
	// Dir is used instead. Empty: a temporary folder that goes with the last
	// Stop.
	Dir string
	// Durable keeps fsync on, so that data survives the machine's crash: for
	// demo, dev, bench and crash tests. Without it everything is several times
	// faster, and a cluster that was not stopped cleanly is made anew.
	Durable bool
	// Settings are further postgresql.conf settings by name; they win over the
	// package's own. They take effect when this call is the one that starts the
	// server.
	Settings map[string]string
	// Prepare is called where this call starts the server, before anybody else
	// gets to use it. An error of its fails Start.
	Prepare func(ctx context.Context, url string) error
	// Log gets a line for each thing that takes long or that somebody may have
	// to know. Nil: none.
	Log *slog.Logger
}

// Server is this process's use of a running cluster.
type Server struct {
	cluster *cluster
	turn    string // lock file that start and stop take in turn
	users   *fileLock
	started bool
	stop    func() error
}

// Start returns when the server accepts connections: in about 0.2 s where the
// cluster exists, in 1 s where it is new, and at once where another process
// runs it. Where no Postgres is installed, one is first installed or
// downloaded, which Log tells.
func Start(ctx context.Context, opts Options) (*Server, error) {
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}

	bins, err := ensure(ctx, log)
	if err != nil {
		return nil, err
	}

	acct, err := serverAccount() // after the installation, which may have made it
	if err != nil {
		return nil, err
	}

	home, err := makeHome(ctx, log, acct, opts.Dir)
	if err != nil {
		return nil, err
	}

	c := &cluster{
		acct: acct,
		bins: bins,
		log:  log,
		home: home,
		data: filepath.Join(
			home,
			"data-"+strconv.Itoa(bins.major),
		), // a data folder works with one major version only
		socket:   socketDir(home),
		durable:  opts.Durable,
		fleeting: opts.Dir == "",
		settings: opts.Settings,
	}
	s := &Server{cluster: c, turn: filepath.Join(home, "turn.lock")}

	s.stop = sync.OnceValue(s.leave)
	if err := s.join(ctx, opts.Prepare); err != nil {
		return nil, errors.Join(err, s.stop())
	}

	return s, nil
}

// join counts this process among the users and starts the server where nobody
// runs it.
func (s *Server) join(ctx context.Context, prepare func(context.Context, string) error) error {
	turn, err := openLock(s.turn)
	if err != nil {
		return err
	}
	defer turn.close()

	if err := turn.lock(ctx, true); err != nil {
		return err
	}

	usersPath := filepath.Join(s.cluster.home, "users.lock")
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

// stopWithin bounds how long the end of a server may take; it is not the
// caller's context, since a stop often follows a cancel.
const stopWithin = 2 * time.Minute

// Stop ends this process's use, and the server with the last user. Further
// calls return what the first did.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()

	if s.users == nil {
		return nil
	}

	defer s.users.close()

	turn, err := openLock(s.turn)
	if err != nil {
		return err
	}
	defer turn.close()

	if err := turn.lock(ctx, true); err != nil {
		return err
	}

	alone, err := s.users.try(true)
	if err != nil {
		return err
	}

	if !alone {
		// Others use the server, or the guard is stopping it this moment: a
		// shared lock comes at once or when that has ended.
		return s.users.lock(ctx, false)
	}

	if err := s.cluster.stop(ctx, "fast"); err != nil {
		return err
	}

	if s.cluster.fleeting {
		return os.RemoveAll(s.cluster.home)
	}

	return nil
}

// Kill crashes the server, whoever uses it: it ends without a checkpoint, as if
// the machine had lost its other processes. Restart brings it back.
func (s *Server) Kill() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()

	return s.cluster.stop(ctx, "immediate")
}

// Restart starts a server that was killed, or stops and starts one that runs.
// The URL stays.
func (s *Server) Restart(ctx context.Context) error {
	turn, err := openLock(s.turn)
	if err != nil {
		return err
	}
	defer turn.close()

	if err := turn.lock(ctx, true); err != nil {
		return err
	}

	if err := s.cluster.stop(ctx, "fast"); err != nil {
		return err
	}

	return s.cluster.start(ctx)
}

// URL is the server's address for pgx and libpq alike, as its superuser on the
// database postgres. It holds no password: the socket's folder keeps others
// out.
func (s *Server) URL() string {
	query := url.Values{"host": {s.cluster.socket}, "sslmode": {"disable"}}
	return "postgres://postgres@/postgres?" + query.Encode()
}

// PID is the process id of the postmaster, 0 when it does not run.
func (s *Server) PID() int {
	p, up, err := s.cluster.running(context.Background())
	if err != nil || !up {
		return 0
	}

	return p.pid
}

// Started tells whether this call of Start started the server, rather than
// joining others.
func (s *Server) Started() bool { return s.started }

// LogFile is the server's own log.
func (s *Server) LogFile() string { return s.cluster.logFile() }

// ensure finds the programs, or gets them. Only one process at a time installs.
func ensure(ctx context.Context, log *slog.Logger) (binaries, error) {
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

	if err := acct.own(cache); err != nil {
		return binaries{}, err
	}

	turn, err := openLock(filepath.Join(cache, "install.lock"))
	if err != nil {
		return binaries{}, err
	}
	defer turn.close()

	if err := turn.lock(ctx, true); err != nil {
		return binaries{}, err
	}

	return needBinaries(ctx, log, acct, cache)
}

// makeHome makes the cluster's folder where the server's account can enter it.
func makeHome(ctx context.Context, log *slog.Logger, acct account, dir string) (string, error) {
	if dir == "" {
		home, err := os.MkdirTemp("", "coremachine-pg-")
		if err != nil {
			return "", fmt.Errorf("pglocal: %w", err)
		}

		return home, acct.own(home)
	}

	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("pglocal: %w", err)
	}
	// the server's account passes through it
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec
		return "", fmt.Errorf("pglocal: %w", err)
	}

	if !acct.canEnter(ctx, filepath.Dir(dir)) {
		other := "/var/tmp/coremachine-pg-" + digest(dir)
		log.WarnContext(
			ctx,
			"the server's account cannot enter the folder: using another",
			"account",
			acct.name,
			"folder",
			dir,
			"instead",
			other,
		)
		dir = other
	}

	return dir, acct.own(dir)
}

// socketDir is below home unless that path is too long for a socket's address
// (104 bytes on macOS, 108 on Linux).
func socketDir(home string) string {
	const most = 103 - len("/"+socketName)
	if dir := filepath.Join(home, "run"); len(dir) <= most {
		return dir
	}

	return "/tmp/coremachine-pg-" + digest(home)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
