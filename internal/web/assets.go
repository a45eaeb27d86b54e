package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"coremachine/third_party/htmx"
)

//go:embed static/*
var static embed.FS

// assets are the static files of a build. Their URL contains a hash of all of
// them, so that browsers may cache them permanently.
type assets struct {
	hash  string
	files map[string]asset
}

type asset struct {
	kind    string
	content []byte
}

// bundles are the files as they are served: the named files first, then all
// others of the kind by name.
var bundles = []struct {
	name, kind, all string
	first, but      []string
}{
	{name: "theme.js", kind: "text/javascript; charset=utf-8", first: []string{"theme.js"}},
	{
		name:  "ui.css",
		kind:  "text/css; charset=utf-8",
		all:   "*.css",
		first: []string{"tokens.css", "base.css", "parts.css"},
	},
	{
		name:  "ui.js",
		kind:  "text/javascript; charset=utf-8",
		all:   "*.js",
		first: []string{"key.js", "app.js"},
		but:   []string{"theme.js"},
	},
}

func newAssets() *assets {
	a := &assets{files: map[string]asset{}}
	sum := sha256.New()

	for _, bundle := range bundles {
		var b bytes.Buffer
		if bundle.name == "ui.js" {
			b.Write(htmx.Script())
		}

		names := slices.Clone(bundle.first)

		others, err := fs.Glob(static, "static/"+bundle.all)
		for _, path := range others {
			if name := strings.TrimPrefix(
				path,
				"static/",
			); !slices.Contains(names, name) &&
				!slices.Contains(bundle.but, name) {
				names = append(names, name)
			}
		}

		for _, name := range names {
			content, readErr := static.ReadFile("static/" + name)
			err = errors.Join(err, readErr)

			b.Write(content)
		}

		if err != nil {
			panic(err) // the files are part of the build
		}

		a.files[bundle.name] = asset{kind: bundle.kind, content: b.Bytes()}
		sum.Write(b.Bytes())
	}

	a.hash = hex.EncodeToString(sum.Sum(nil)[:8])

	return a
}

// serve answers a static file. A file of another build is answered with the
// current content, and may not be cached.
func (a *assets) serve(w http.ResponseWriter, r *http.Request, hash, name string) {
	f, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}

	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")

	if hash == a.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}

	h.Set("Content-Length", strconv.Itoa(len(f.content)))

	if r.Method != http.MethodHead {
		_, _ = w.Write(f.content) // the browser may have disconnected
	}
}
