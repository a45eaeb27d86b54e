package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Rebuild describes what followed a change of the source tree.
type Rebuild struct {
	Files []string // paths of the changed files below the root
	// Err is why the handler was not replaced: it does not build, or the new
	// one does not become ready. In the first case the old one keeps running.
	Err       error
	Same      bool          // the change did not affect the handler, which keeps running
	Restarted bool          // the handler was built and replaced
	PID       int           // of the new handler
	Took      time.Duration // from the end of the changes until the new handler was ready
}

// Watch rebuilds and restarts the handler when a Go file of the source tree
// changes, until ctx ends. It calls building before and report after each
// attempt. Jobs continue: the old handler requeues what it has claimed, and the
// new one runs it.
func (s *System) Watch(ctx context.Context, building func(files []string), report func(Rebuild)) {
	before, root := s.source, s.root
	for {
		after, err := awaitChange(ctx, root, before)
		if err != nil {
			return
		}

		files := differences(before, after)
		for i, path := range files {
			if below, err := filepath.Rel(root, path); err == nil {
				files[i] = below
			}
		}

		building(files)

		done := s.rebuild(ctx)
		if ctx.Err() != nil {
			return
		}

		done.Files, before = files, after
		report(done)
	}
}

func (s *System) rebuild(ctx context.Context) Rebuild {
	begin := time.Now()

	if err := buildApp(ctx, s.root, s.home); err != nil {
		return Rebuild{Err: err}
	}

	built, err := digest(s.home)
	if err != nil || built == s.running {
		return Rebuild{Err: err, Same: err == nil}
	}

	s.running = "" // not known until the new handler is ready

	limit, cancel := context.WithTimeout(ctx, grace+readyWithin)
	defer cancel()

	if err = s.host.Restart(limit); err == nil {
		err = s.awaitReady(limit)
	}

	if err == nil {
		s.running = built
	}

	return Rebuild{Err: err, Restarted: true, PID: s.host.HandlerPID(), Took: time.Since(begin)}
}

// digest returns the hash of the handler in a folder. Another system may have
// built the same handler, so the files before and after a build do not show
// what runs.
func digest(home string) (string, error) {
	file, err := os.Open(filepath.Join(home, "handler"))
	if err != nil {
		return "", err
	}

	hash := sha256.New()
	_, err = io.Copy(hash, file)

	return string(hash.Sum(nil)), errors.Join(err, file.Close())
}
