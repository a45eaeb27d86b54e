package pglocal

import (
	"context"
	"fmt"
	"os"
	"time"

	"coremachine/internal/clock"
)

// fileLock is an flock that ends with the process. Go opens files
// close-on-exec, so child processes do not keep it.
type fileLock struct{ file *os.File }

// openLock opens a lock file without locking it.
func openLock(path string) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644) //nolint:gosec // another account opens it too
	if err != nil {
		return nil, fmt.Errorf("pglocal: %w", err)
	}

	return &fileLock{file: file}, nil
}

// lock waits until it has the lock or ctx ends. If the lock is already held,
// lock changes its kind, which is not atomic.
func (l *fileLock) lock(ctx context.Context, exclusive bool) error {
	for {
		got, err := l.try(exclusive)
		if got || err != nil {
			return err
		}

		if !clock.Sleep(ctx, 10*time.Millisecond) {
			return fmt.Errorf("pglocal: waiting for %s: %w", l.file.Name(), ctx.Err())
		}
	}
}

// try takes the lock if that is possible without waiting.
func (l *fileLock) try(exclusive bool) (bool, error) {
	got, err := flock(l.file, exclusive)
	if err != nil {
		return false, fmt.Errorf("pglocal: lock %s: %w", l.file.Name(), err)
	}

	return got, nil
}

func (l *fileLock) close() { _ = l.file.Close() }
