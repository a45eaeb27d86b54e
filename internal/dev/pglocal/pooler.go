package pglocal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/clock"
)

// PoolerOptions configures a PgBouncer.
type PoolerOptions struct {
	URL  string // the Postgres behind it
	User string // the user of all clients
	// Sessions is the number of connections to Postgres that the clients share.
	Sessions int
}

// Pooler is a PgBouncer of this process in transaction mode. It is configured
// like the one that is built into Azure: it rejects unknown startup parameters
// and does not keep named statements.
type Pooler struct {
	cmd *exec.Cmd
	// Closing stdin ends the pooler. It also closes when this process dies.
	stdin io.Closer
	home  string
	url   string
}

// StartPooler starts a PgBouncer on a loopback address. If none is installed, it
// returns ErrNoPooler.
func StartPooler(ctx context.Context, o PoolerOptions) (*Pooler, error) {
	program, err := findPooler()
	if err != nil {
		return nil, err
	}

	acct, err := serverAccount() // like Postgres, PgBouncer does not run as root
	if err != nil {
		return nil, err
	}

	home, err := os.MkdirTemp("", "coremachine-pgbouncer-")
	if err != nil {
		return nil, fmt.Errorf("pglocal: %w", err)
	}

	p := &Pooler{home: home}
	if err := p.start(ctx, acct, program, o); err != nil {
		return nil, errors.Join(err, p.Stop())
	}

	return p, nil
}

// poolerPaths are the usual locations of the program, which may not be in the
// PATH of an unprivileged user.
var poolerPaths = []string{"/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer"}

// ErrNoPooler means that no PgBouncer is installed.
var ErrNoPooler = errors.New("pglocal: PgBouncer is not installed: install the package pgbouncer")

func findPooler() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}

	for _, path := range poolerPaths {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}

	return "", ErrNoPooler
}

func (p *Pooler) start(ctx context.Context, acct account, program string, o PoolerOptions) error {
	server, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return fmt.Errorf("pglocal: the address of the server: %w", err)
	}

	port, err := freePort(ctx)
	if err != nil {
		return err
	}

	file := filepath.Join(p.home, "pgbouncer.ini")
	if err := os.WriteFile(
		file,
		[]byte(poolerConfig(p.home, server, port, o, keepsStatements(ctx, program))),
		0o600,
	); err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	if err := errors.Join(acct.makePrivateDir(p.home), os.Chown(file, acct.uid, acct.gid)); err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	const untilOrphaned = `"$1" "$2" & pid=$!; read -r _; kill -INT "$pid"; wait "$pid"`

	p.cmd = acct.command(context.WithoutCancel(ctx), "/bin/sh", "-c", untilOrphaned, "sh", program, file)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("pglocal: %w", err)
	}

	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(o.User),
		Host:     address,
		Path:     "/" + server.Database,
		RawQuery: "sslmode=disable",
	}
	p.url = u.String()

	return p.await(ctx, address)
}

// poolerConfig is as strict as Azure's defaults.
func poolerConfig(home string, server *pgx.ConnConfig, port int, o PoolerOptions, keeps bool) string {
	lines := []string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%d user=%s", server.Host, server.Port, o.User),
		"[pgbouncer]",
		"listen_addr = 127.0.0.1",
		"listen_port = " + strconv.Itoa(port),
		"unix_socket_dir =",
		"auth_type = any",
		"pool_mode = transaction",
		"max_client_conn = 500",
		"default_pool_size = " + strconv.Itoa(o.Sessions),
		"ignore_startup_parameters =",
		"logfile = " + filepath.Join(home, "pgbouncer.log"),
	}
	if keeps {
		lines = append(lines, "max_prepared_statements = 0")
	}

	return strings.Join(lines, "\n") + "\n"
}

// keepsStatements reports whether a PgBouncer can keep named statements, which
// the configuration must then disable. Versions since 1.21 can.
func keepsStatements(ctx context.Context, program string) bool {
	out, err := exec.CommandContext(ctx, program, "--version").Output()

	found := regexp.MustCompile(`(?i)pgbouncer (\d+)\.(\d+)`).FindSubmatch(out)
	if err != nil || found == nil {
		return false
	}

	major, _ := strconv.Atoi(string(found[1])) // always digits
	minor, _ := strconv.Atoi(string(found[2]))

	return major > 1 || minor >= 21
}

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("pglocal: %w", err)
	}
	defer func() { _ = l.Close() }()

	return l.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // of a TCP listener
}

// await waits until the pooler accepts connections.
func (p *Pooler) await(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}

		if !clock.Sleep(ctx, 20*time.Millisecond) {
			return fmt.Errorf("pglocal: PgBouncer does not accept connections: %w\n%s", err, p.log())
		}
	}
}

// URL returns the address of the pooler, without a search_path.
func (p *Pooler) URL() string { return p.url }

// Stop ends the pooler and its connections.
func (p *Pooler) Stop() error {
	var err error
	if p.cmd != nil && p.cmd.Process != nil {
		err = errors.Join(p.stdin.Close(), p.cmd.Wait())
		if _, exited := errors.AsType[*exec.ExitError](err); exited {
			err = nil // a signal ended it
		}
	}

	return errors.Join(err, os.RemoveAll(p.home))
}

// log returns the end of the pooler's log.
func (p *Pooler) log() string {
	file, err := os.Open(filepath.Join(p.home, "pgbouncer.log"))
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()

	var last []string
	for s := bufio.NewScanner(file); s.Scan(); {
		last = append(last, s.Text())
		last = last[max(0, len(last)-10):]
	}

	return strings.Join(last, "\n")
}
