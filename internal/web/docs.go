package web

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"coremachine/internal/api"
	"coremachine/internal/web/apidoc"
)

// reference is the description of the API. It is parsed on the first request.
var reference = sync.OnceValue(func() apidoc.Doc {
	doc, err := apidoc.Read(api.OpenAPI())
	if err != nil {
		panic(err) // the description is part of the build
	}

	return doc
})

// docsPage is the data of the template "docs".
type docsPage struct {
	apidoc.Doc
	Root string // URL of the service, as the browser sees it
	Keys bool   // requests need a key
}

// docs answers the reference of the API. It contains no data, so it needs no
// key.
func (s *Server) docs(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer

	p := docsPage{Doc: reference(), Root: root(r), Keys: !s.Inline}
	if err := s.render.all.ExecuteTemplate(&b, "docs", p); err != nil {
		panic(err) // its data is constant, so an error is a bug in the template
	}

	s.write(
		w,
		r,
		http.StatusOK,
		s.render.layout(&input{page: &page{}, path: "docs"}, b.Bytes(), "API reference"),
	)
}

var hosts = regexp.MustCompile(`^[A-Za-z0-9.\-]+(:[0-9]+)?$|^\[[0-9a-f:]+\](:[0-9]+)?$`)

// root returns the URL of the service. It is part of commands that people paste
// into a shell, so it contains only characters that are valid in a host.
func root(r *http.Request) string {
	scheme, host := "http", r.Host
	if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" {
		host = forwarded
	}

	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") ||
		r.Header.Get("X-Arr-Ssl") != "" {
		scheme = "https"
	}

	if !hosts.MatchString(host) {
		return "http://localhost:7071"
	}

	return scheme + "://" + host
}

// command returns the operation as a shell command.
func (p docsPage) command(op apidoc.Operation) string {
	var b strings.Builder
	b.WriteString("curl ")

	if op.IsStream {
		b.WriteString("-N ")
	}

	if op.Method != http.MethodGet {
		b.WriteString("-X " + op.Method + " ")
	}

	if p.Keys && !op.Open {
		b.WriteString(`-H "x-functions-key: $KEY" `)
	}

	if op.SendsJSON {
		b.WriteString(`-H 'Content-Type: application/json' -d '{}' `)
	}

	return b.String() + `"` + p.Root + op.Example + `"`
}

// Commands returns the operations as shell commands, by their ids.
func (p docsPage) Commands() map[string]string {
	all := map[string]string{}

	for _, g := range p.Groups {
		for _, op := range g.Operations {
			all[op.ID] = p.command(op)
		}
	}

	return all
}
