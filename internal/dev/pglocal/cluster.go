package pglocal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"coremachine/internal/clock"
)

// socketName is the name of the socket. The port is only a part of the name,
// because the server does not use a network address.
const socketName = ".s.PGSQL.5432"

// cluster is a data directory and the programs that operate on it. It takes no
// locks; Server does.
type cluster struct {
	acct    account
	bins    binaries
	log     *slog.Logger
	home    string // the directory of all files of the cluster
	durable bool
	// temporary clusters are deleted with their last user, so they need not
	// survive a restart of the machine.
	temporary bool
	settings  map[string]string
}

func (c *cluster) running(ctx context.Context) (postmaster, bool, error) {
	p, found, err := readPostmaster(c.data())
	if err != nil || !found {
		return postmaster{}, false, err
	}

	return p, p.runs(ctx, c.data()), nil
}

// start creates the data directory if necessary and returns when the server
// accepts connections. The server must not be running.
func (c *cluster) start(ctx context.Context) error {
	if err := c.dropUnclean(); err != nil {
		return err
	}

	if err := c.initialise(ctx); err != nil {
		return err
	}

	if err := c.acct.makePrivateDir(c.socketDir()); err != nil {
		return err
	}

	if err := clearStale(c.data(), c.socketDir()); err != nil {
		return err
	}

	if err := c.configure(); err != nil {
		return err
	}

	if err := os.Rename(c.logFile(), c.logFile()+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pglocal: %w", err)
	}

	var err error

	// Backends of a killed server can hold its shared memory for a moment
	// longer.
	for range 20 {
		start := c.acct.command(
			ctx, c.bins.path("pg_ctl"), "-D", c.data(), "-l", c.logFile(), "-w", "-t", "60", "start",
		)

		out, startErr := start.CombinedOutput()
		if startErr == nil {
			return nil
		}

		text, _ := os.ReadFile(c.logFile())

		err = fmt.Errorf("pglocal: pg_ctl start: %w\n%s\n%s", startErr, tail(out), tail(text))
		if !strings.Contains(string(text), "shared memory block") || !clock.Sleep(ctx, 250*time.Millisecond) {
			break
		}
	}

	return err
}

// dropUnclean deletes the data of a cluster without fsync that was not stopped
// cleanly, because the data can be corrupt.
func (c *cluster) dropUnclean() error {
	if c.durable {
		return nil
	}

	if _, err := os.Stat(filepath.Join(c.data(), "postmaster.pid")); err != nil {
		return nil //nolint:nilerr // a missing file means a clean stop
	}

	c.log.Info("the last run did not stop its Postgres, creating its data again", "folder", c.data())

	if err := os.RemoveAll(c.data()); err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	return nil
}

// initialise runs initdb next to the data directory and renames the result, so
// that a data directory is always complete.
func (c *cluster) initialise(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(c.data(), "PG_VERSION")); err == nil {
		return nil
	}

	fresh := c.data() + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(c.data())); err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	args := []string{"-D", fresh, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C"}
	if !c.durable || c.temporary {
		args = append(args, "--no-sync")
	}

	if out, err := c.acct.command(ctx, c.bins.path("initdb"), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("pglocal: initdb as %s: %w\n%s", c.acct.name, err, tail(out))
	}

	main := filepath.Join(fresh, "postgresql.conf")

	file, err := os.OpenFile(main, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	_, writeErr := file.WriteString("include '" + settingsFile + "'\n")
	if err := errors.Join(writeErr, file.Close(), os.Rename(fresh, c.data())); err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	return nil
}

const settingsFile = "coremachine.conf"

// configure writes the settings. It runs before each start.
func (c *cluster) configure() error {
	settings := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": c.socketDir(),
		"port":                    "5432",
		"max_connections":         "200",
		"jit":                     "off", // compilation costs more than it saves for short statements
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"log_line_prefix":         "%m [%p] ",
		"lc_messages":             "C",
	}
	if !c.durable {
		maps.Copy(
			settings,
			map[string]string{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"},
		)
	}

	maps.Copy(settings, c.settings)

	var b strings.Builder

	for _, name := range slices.Sorted(maps.Keys(settings)) {
		value := strings.NewReplacer("'", "''", `\`, `\\`).Replace(settings[name])
		fmt.Fprintf(&b, "%s = '%s'\n", name, value)
	}

	path := filepath.Join(c.data(), settingsFile)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	if err := os.Chown(path, c.acct.uid, c.acct.gid); err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	return nil
}

// stop stops the server with a mode of pg_ctl: fast disconnects all clients,
// and immediate is a crash. It is not an error if the server does not run.
func (c *cluster) stop(ctx context.Context, mode string) error {
	_, up, err := c.running(ctx)
	if err != nil || !up {
		return err
	}

	out, err := c.acct.command(ctx, c.bins.path("pg_ctl"), "-D", c.data(), "-m", mode, "-w", "-t", "60", "stop").
		CombinedOutput()
	if err == nil {
		return nil
	}

	if _, up, _ := c.running(ctx); !up { // the server has stopped in the meantime
		return nil
	}

	return fmt.Errorf("pglocal: pg_ctl stop: %w\n%s", err, tail(out))
}

// awaitReady waits until a server that another process started accepts
// connections.
func (c *cluster) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	for {
		p, up, err := c.running(ctx)
		if err != nil {
			return err
		}

		if !up {
			return errors.New("pglocal: the server ended during its start, see " + c.logFile())
		}

		if p.ready {
			return nil
		}

		if !clock.Sleep(ctx, 20*time.Millisecond) {
			return fmt.Errorf("pglocal: waiting for the server to accept connections: %w", ctx.Err())
		}
	}
}

// guard starts a background process that waits until no user holds the lock and
// then stops the server. It covers users that were killed. It needs flock(1),
// which Linux provides. On other systems the next user finds the server still
// running.
func (c *cluster) guard(ctx context.Context, usersLock string) error {
	// The script checks the name of the process, like runs. pg_ctl alone would
	// signal any process that has the PID now.
	const script = `if [ -n "$4" ]; then trap 'rm -rf "$4"' EXIT; fi
read -r pid <"$3/postmaster.pid" || exit 0
tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF -- "$3" || exit 0
"$2" -D "$3" -m fast -w stop`

	// The shell ends immediately, so this process does not wait for the guard.
	const background = `flock --exclusive "$1" /bin/sh -c "$0" sh "$@" &`

	remove := ""
	if c.temporary {
		remove = c.home
	}

	cmd := c.acct.command(
		ctx,
		"/bin/sh",
		"-c",
		background,
		script,
		usersLock,
		c.bins.path("pg_ctl"),
		c.data(),
		remove,
	)
	ownSession(cmd)

	if _, err := exec.LookPath("flock"); err != nil {
		c.log.DebugContext(ctx, "no guard: a killed user would leave Postgres running", "reason", err)
		return nil
	}

	if err := cmd.Run(); err != nil {
		return fmt.Errorf("pglocal: start the guard: %w", err)
	}

	return nil
}
