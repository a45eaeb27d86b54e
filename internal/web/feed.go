package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"sync"
	"time"

	"coremachine/internal/clock"
	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// idle is the maximum time between two readings of a page that has viewers and
// waits for a change.
const idle = time.Second

// feeds holds one reader for each page that has viewers.
type feeds struct {
	mu      sync.Mutex
	open    map[string]*feed
	closed  bool
	readers sync.WaitGroup
}

// feed is the content that all viewers of one page share.
type feed struct {
	key    string
	cancel context.CancelFunc

	mu      sync.Mutex
	viewers int // guarded by feeds.mu
	now     shot
	changed chan struct{} // closed when now is replaced
}

// shot is one rendering. Each part has the revision that changed it, so that
// each viewer is sent only the parts that it does not have yet.
type shot struct {
	rev     int // 0 before the first reading
	id      string
	title   string
	titled  int
	parts   []rendered
	said    []saying
	ended   bool
	trouble string // why the last reading failed
}

type rendered struct {
	id, sig string
	html    []byte
	rev     int
}

type saying struct {
	text string
	rev  int
}

// join adds a viewer. It returns nil if the process is stopping.
func (s *Server) join(in *input) *feed {
	fs := &s.feeds
	fs.mu.Lock()
	defer fs.mu.Unlock()

	if fs.closed {
		return nil
	}

	f := fs.open[in.key()]
	if f == nil {
		ctx, cancel := context.WithCancel(context.Background())
		f = &feed{key: in.key(), cancel: cancel, changed: make(chan struct{})}

		if fs.open == nil {
			fs.open = map[string]*feed{}
		}

		fs.open[f.key] = f
		fs.readers.Go(func() { s.follow(ctx, f, in) })
	}

	f.viewers++

	return f
}

func (s *Server) leave(f *feed) {
	fs := &s.feeds
	fs.mu.Lock()
	defer fs.mu.Unlock()

	if f.viewers--; f.viewers == 0 {
		f.cancel()

		if fs.open[f.key] == f {
			delete(fs.open, f.key)
		}
	}
}

func (fs *feeds) close() {
	fs.mu.Lock()

	fs.closed = true
	for _, f := range fs.open {
		f.cancel()
	}
	fs.mu.Unlock()
	fs.readers.Wait()
}

// follow reads and renders until there are no viewers, or until the content can
// no longer change.
func (s *Server) follow(ctx context.Context, f *feed, in *input) {
	defer f.cancel()

	for clock.Sleep(ctx, 0) {
		limited, cancel := context.WithTimeout(ctx, 10*time.Second)
		c, err := s.load(limited, in)

		cancel()

		rest := in.page.pace

		if err == nil {
			err = s.publish(f, c)
		}

		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			f.fail(err)
			s.Log.LogAttrs(
				ctx,
				slog.LevelWarn,
				"reading a live page failed",
				slog.String("path", in.path),
				slog.Any(keys.Error, err),
			)

			rest = max(rest, 2*time.Second)
		case c.Ended:
			return
		}

		if !clock.Sleep(ctx, rest) {
			return
		}

		if err == nil && c.wait != nil {
			limited, cancel := context.WithTimeout(ctx, idle)
			c.wait(limited)
			cancel()
		}
	}
}

// publish renders all parts and, if something changed, wakes the viewers.
func (s *Server) publish(f *feed, c content) error {
	f.mu.Lock()
	before := f.now
	f.mu.Unlock()

	next := shot{rev: before.rev + 1, title: c.Title, titled: before.titled, ended: c.Ended}
	if c.Title != before.title {
		next.titled = next.rev
	}

	sum := fnv.New64a()

	changed := before.rev == 0 || before.trouble != "" || c.Ended || c.Title != before.title
	for _, p := range c.Parts {
		html, err := s.render.part(p, c.Data)
		if err != nil {
			return err
		}

		one := rendered{id: p.ID, sig: p.Sig, html: html, rev: next.rev}
		_, _ = sum.Write(html)

		i := slices.IndexFunc(before.parts, func(b rendered) bool { return b.id == p.ID })
		if i >= 0 &&
			(one.sig != "" && before.parts[i].sig == one.sig ||
				one.sig == "" && bytes.Equal(before.parts[i].html, html)) {
			one.rev = before.parts[i].rev
		} else {
			changed = true
		}

		next.parts = append(next.parts, one)
	}

	for _, text := range c.Say {
		if i := slices.IndexFunc(before.said, func(b saying) bool { return b.text == text }); i >= 0 {
			next.said = append(next.said, before.said[i])
		} else {
			next.said = append(next.said, saying{text, next.rev})
		}
	}

	next.id = fmt.Sprintf("%s~%x", c.Version, sum.Sum64())
	if changed {
		f.set(next)
	}

	return nil
}

func (f *feed) set(next shot) {
	f.mu.Lock()
	defer f.mu.Unlock()

	f.now = next
	close(f.changed)
	f.changed = make(chan struct{})
}

// fail reports to the viewers that their content may be outdated, or that there
// is none.
func (f *feed) fail(err error) {
	text := "The service could not read this page."
	if e, ok := errors.AsType[*state.Error](err); ok && statuses[e.Code] != 0 {
		text = e.Msg
	}

	f.mu.Lock()
	next := f.now
	f.mu.Unlock()

	if next.trouble == text {
		return
	}

	next.trouble = text
	f.set(next)
}

// look returns the newest shot, and a channel that is closed when there is a
// newer one.
func (f *feed) look() (shot, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()

	return f.now, f.changed
}
