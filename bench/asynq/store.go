package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"
)

// store is a Redis on a Unix socket in a temporary folder.
type store struct {
	folder, socket string
	cmd            *exec.Cmd
	stdin          io.Closer
}

// The shell ends Redis when its standard input ends, also if this process is
// killed.
const whileRead = `"$@" & redis=$!; cat; kill $redis; wait $redis`

func startStore(ctx context.Context, fsync string) (s *store, err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("there is no redis-server. To install it on Debian, run .ci/setup bench")
	}
	folder, err := os.MkdirTemp("", "bench-redis-")
	if err != nil {
		return nil, err
	}
	s = &store{folder: folder, socket: filepath.Join(folder, "socket")}
	s.cmd = exec.Command( //nolint:noctx // stop ends it
		"sh", "-c", whileRead, "sh", program, "--port", "0", "--unixsocket", s.socket, "--dir", folder,
		"--save", "", "--appendonly", "yes", "--appendfsync", fsync,
	)
	if s.stdin, err = s.cmd.StdinPipe(); err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if err := s.ready(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// ready waits until the Redis answers.
func (s *store) ready(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket})
	defer func() { _ = client.Close() }()
	limit, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := client.Ping(limit).Err()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-limit.Done():
			return fmt.Errorf("the Redis does not start: %w", err)
		}
	}
}

func (s *store) stop() error {
	_ = s.stdin.Close() // the shell may have ended
	_ = s.cmd.Wait()    // with the signal of its kill
	return os.RemoveAll(s.folder)
}
