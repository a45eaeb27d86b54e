package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"

	"coremachine/third_party/htmx"
)

//go:embed static/*
var static embed.FS

// assets are the static files of a build. Their address holds a hash of all of them, so that they may be kept for ever.
type assets struct {
	hash  string
	files map[string]asset
}

type asset struct {
	kind    string
	content []byte
}

// bundles are the files as served, each made from parts in order.
var bundles = map[string][]string{
	"ui.css":   {"tokens.css", "base.css", "parts.css", "pages.css", "docs.css"},
	"theme.js": {"theme.js"},
	"ui.js":    {"app.js"},
}

func newAssets() *assets {
	a := &assets{files: map[string]asset{}}
	sum := sha256.New()
	for _, name := range []string{"theme.js", "ui.css", "ui.js"} {
		var b bytes.Buffer
		kind := "text/css; charset=utf-8"
		if name != "ui.css" {
			kind = "text/javascript; charset=utf-8"
		}
		if name == "ui.js" {
			b.Write(htmx.Script())
		}
		for _, one := range bundles[name] {
			content, err := static.ReadFile("static/" + one)
			if err != nil {
				panic(err) // the file is part of the build
			}
			b.Write(content)
		}
		a.files[name] = asset{kind: kind, content: slices.Clone(b.Bytes())}
		sum.Write(b.Bytes())
	}
	a.hash = hex.EncodeToString(sum.Sum(nil)[:8])
	return a
}

// serve answers a static file. One of another build is answered as it is now, and not kept.
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
		_, _ = w.Write(f.content) // the browser may be gone
	}
}
