package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"coremachine/internal/httpserver"
	"coremachine/internal/state"
)

// live answers the stream of a page: first all of its live parts, then each
// change. An unnamed message contains the new elements. Named messages are for
// app.js: build, title, announce, trouble, beat, and done, which is the last one.
func (s *Server) live(w http.ResponseWriter, r *http.Request, in *input) {
	if in.page.pace == 0 {
		status, _, body := s.trouble(
			r.Context(),
			nil,
			state.Errorf(state.CodeNotFound, "web", "This page has no stream."),
			r,
		)
		s.write(w, r, status, body)

		return
	}

	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		s.full(w)
		return
	}

	f := s.join(in)
	if f == nil {
		s.full(w)
		return
	}
	defer s.leave(f)

	w.Header().Set("Content-Security-Policy", policy)
	out := httpserver.OpenStream(w)

	if r.Method == http.MethodHead {
		return
	}

	ctx, cancel := context.WithTimeout(r.Context(), s.StreamLife)
	defer cancel()

	v := &viewer{out: out, seen: r.Header.Get("Last-Event-ID"), beat: s.Heartbeat}
	v.out.Event("build", "", s.assets.hash)
	_ = v.watch(ctx, f) // the browser disconnected or the time limit expired; the next connection continues
}

// full rejects a stream. The browser then polls the page.
func (s *Server) full(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusServiceUnavailable)

	// The browser may have disconnected, so the error is ignored.
	_, _ = w.Write([]byte("This process has the maximum number of open streams.\n"))
}

// viewer is one open stream.
type viewer struct {
	out     *httpserver.Stream
	seen    string // id of the last message of the previous connection
	sent    int    // revision up to which this viewer has all parts
	trouble string // trouble that was last sent to this viewer
	beat    time.Duration
}

func (v *viewer) watch(ctx context.Context, f *feed) error {
	timer := time.NewTimer(v.beat)
	defer timer.Stop()

	for {
		now, changed := f.look()
		v.add(now)

		if err := v.out.Flush(); err != nil || now.ended {
			return err
		}

		timer.Reset(v.beat)

		select {
		case <-changed:
		case <-timer.C:
			v.out.Event("beat", "", "") // an event, because scripts do not see comments
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// add appends the parts of a shot that the viewer does not have yet.
func (v *viewer) add(now shot) {
	if now.trouble != v.trouble {
		v.out.Event("trouble", "", now.trouble) // empty means that the trouble has ended
		v.trouble = now.trouble
	}

	if now.trouble == "" && now.rev > v.sent {
		v.news(now)
		v.sent = now.rev
	}

	if now.ended {
		v.out.Event("done", now.id, "")
	}
}

func (v *viewer) news(now shot) {
	var parts strings.Builder
	for _, p := range now.parts {
		if p.rev > v.sent {
			parts.WriteString(`<hx-partial hx-target="#` + p.id + `" hx-swap="outerMorph">`)
			parts.Write(p.html)
			parts.WriteString("</hx-partial>\n")
		}
	}

	known := v.sent == 0 && v.seen != "" && v.seen == now.id
	if now.titled > v.sent && !known {
		v.out.Event("title", "", now.title)
	}

	if parts.Len() > 0 && !known {
		v.out.Event("", now.id, strings.TrimSuffix(parts.String(), "\n"))
	}

	for _, s := range now.said {
		if v.sent > 0 && s.rev > v.sent {
			v.out.Event("announce", "", s.text)
		}
	}
}
