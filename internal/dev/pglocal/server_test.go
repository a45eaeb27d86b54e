package pglocal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestServer(t *testing.T) {
	t.Parallel()

	t.Run("KeepsDataForNextRun", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		first := start(t, Options{Dir: dir, Durable: true})
		query(t, first, "create table kept as select 42 as answer")

		if !first.Started() {
			t.Error("Started: got false for the first user")
		}

		stop(t, first)

		if pid := first.PID(); pid != 0 {
			t.Errorf("pid after Stop: got %d, want 0", pid)
		}

		second := start(t, Options{Dir: dir, Durable: true})
		if got := query(t, second, "select answer from kept"); got != "42" {
			t.Errorf("answer: got %s, want 42", got)
		}
	})

	t.Run("DoesNotRunAsRoot", func(t *testing.T) {
		t.Parallel()
		s := start(t, Options{})

		info, err := os.Stat(s.cluster.data())
		if err != nil {
			t.Fatal(err)
		}

		if owner := info.Sys().(*syscall.Stat_t).Uid; owner == 0 {
			t.Error("the data folder belongs to root")
		}

		if got := query(t, s, "show listen_addresses"); got != "" {
			t.Errorf("listen_addresses: got %q, want none", got)
		}
	})

	t.Run("StopDeletesTemporaryFolder", func(t *testing.T) {
		t.Parallel()
		s := start(t, Options{})
		stop(t, s)

		if _, err := os.Stat(s.cluster.home); !os.IsNotExist(err) {
			t.Errorf("the folder still exists: %v", err)
		}
	})

	t.Run("StopsWithLastUser", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)

		first, second := start(t, Options{Dir: dir}), start(t, Options{Dir: dir})
		if second.Started() {
			t.Error("Started: got true for the second user")
		}

		stop(t, first)
		query(t, second, "select 1")
		stop(t, second)

		if pid := second.PID(); pid != 0 {
			t.Errorf("pid after the last Stop: got %d, want 0", pid)
		}
	})

	t.Run("PreparesOnceBeforeFirstUse", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		prepare := func(ctx context.Context, url string) error {
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				return err
			}

			_, err = conn.Exec(
				ctx,
				"create table if not exists prepared as select 42 as answer from pg_sleep(0.1)",
			)

			return errors.Join(err, conn.Close(ctx))
		}

		var users sync.WaitGroup
		for range 4 {
			users.Go(func() {
				s, err := Start(t.Context(), Options{Dir: dir, InstalledOnly: true, Prepare: prepare})
				if err != nil {
					t.Error(err)
					return
				}
				defer stop(t, s)

				conn, err := pgx.Connect(t.Context(), s.URL())
				if err != nil {
					t.Error(err)
					return
				}

				defer func() { _ = conn.Close(context.Background()) }()

				if _, err := conn.Exec(t.Context(), "select answer from prepared"); err != nil {
					t.Error(err)
				}
			})
		}

		users.Wait()
	})

	t.Run("AppliesSettings", func(t *testing.T) {
		t.Parallel()

		s := start(
			t,
			Options{
				Settings: map[string]string{"application_name": `it's a \ test`, "max_connections": "17"},
			},
		)
		if got, want := query(t, s, "show application_name"), `it's a \ test`; got != want {
			t.Errorf("application_name: got %q, want %q", got, want)
		}

		if got := query(t, s, "show max_connections"); got != "17" {
			t.Errorf("max_connections: got %s, want 17", got)
		}

		if got := query(t, s, "show fsync"); got != "off" {
			t.Errorf("fsync: got %s, want off", got)
		}
	})

	t.Run("AvoidsFolderThatItsAccountCannotEnter", func(t *testing.T) {
		t.Parallel()
		closed := t.TempDir() // below a directory of mode 0700
		s := start(t, Options{Dir: closed + "/pg"})
		query(t, s, "select 1")
		stop(t, s)

		if err := os.RemoveAll(s.cluster.home); err != nil {
			t.Error(err)
		}

		if s.cluster.acct.cred != nil && strings.HasPrefix(s.cluster.home, closed) {
			t.Errorf("home: got %s, want one that %s can enter", s.cluster.home, s.cluster.acct.name)
		}
	})
}

func TestServerAfterACrash(t *testing.T) {
	t.Parallel()

	t.Run("KillAndRestartKeepCommittedData", func(t *testing.T) {
		t.Parallel()
		s := start(t, Options{Durable: true})
		query(t, s, "create table kept as select 42 as answer")

		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}

		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}

		if got := query(t, s, "select answer from kept"); got != "42" {
			t.Errorf("answer: got %s, want 42", got)
		}
	})

	t.Run("RestartsAfterSIGKILL", func(t *testing.T) {
		t.Parallel()
		s := start(t, Options{Durable: true})
		query(t, s, "create table kept as select 42 as answer")

		if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}

		until(t, func() bool { return s.PID() == 0 })

		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}

		if got := query(t, s, "select answer from kept"); got != "42" {
			t.Errorf("answer: got %s, want 42", got)
		}
	})

	for name, pid := range map[string]int{
		"UnusedPID":           1<<31 - 2,
		"PIDOfAnotherProgram": os.Getpid(),
		"PIDOfInit":           1,
	} {
		t.Run("IgnoresStale"+name, func(t *testing.T) {
			t.Parallel()
			dir := newDir(t)
			s := start(t, Options{Dir: dir, Durable: true})
			query(t, s, "create table kept as select 42 as answer")
			stop(t, s)

			stale := fmt.Sprintf(
				"%d\n%s\n1700000000\n5432\n%s\n\n  5432001         0\nready   \n",
				pid,
				s.cluster.data(),
				s.cluster.socketDir(),
			)
			for _, path := range []string{
				s.cluster.data() + "/postmaster.pid",
				s.cluster.socketDir() + "/" + socketName + ".lock",
			} {
				if err := os.WriteFile(path, []byte(stale), 0o600); err != nil {
					t.Fatal(err)
				}

				if err := os.Chown(path, s.cluster.acct.uid, s.cluster.acct.gid); err != nil {
					t.Fatal(err)
				}
			}

			again := start(t, Options{Dir: dir, Durable: true})
			if got := query(t, again, "select answer from kept"); got != "42" {
				t.Errorf("answer: got %s, want 42", got)
			}
		})
	}

	t.Run("UncleanEndWithoutFsyncDropsData", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		s := start(t, Options{Dir: dir})
		query(t, s, "create table doubtful as select 42 as answer")

		if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}

		until(t, func() bool { return s.PID() == 0 })
		stop(t, s)

		again := start(t, Options{Dir: dir})
		if got := query(t, again, "select to_regclass('doubtful') is null"); got != "true" {
			t.Error("data of an unclean end without fsync was kept")
		}
	})

	t.Run("GuardStopsServerOfKilledUser", func(t *testing.T) {
		t.Parallel()

		if _, err := exec.LookPath("flock"); err != nil {
			t.Log("not tested, because flock(1) is missing")
			return
		}

		dir := newDir(t)
		server, data := killedUser(t, dir)
		until(t, func() bool { return !server.runs(context.Background(), data) })

		s := start(t, Options{Dir: dir})
		if !s.Started() {
			t.Error("the killed user's server still ran")
		}
	})
}
