package web

import (
	"bytes"
	"html/template"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"

	"coremachine/docs"
	"coremachine/internal/state"
)

// runbookName is the name of the runbook below /ui/help.
const runbookName = "operations"

// runbook is the runbook as HTML. It is rendered on the first request.
var runbook = sync.OnceValue(func() template.HTML { return renderMarkdown(docs.Operations) })

var (
	// anchored is a heading below its anchor. Raw HTML is not rendered, so the
	// anchor becomes the id of the heading.
	anchored = regexp.MustCompile(`(?m)^<a id="([a-z-]+)"></a>\n(#+ .*)$`)
	// elsewhere is a link to a page that the product does not serve.
	elsewhere = regexp.MustCompile(`\[([^\]]+)\]\(((?:\.\./)*[A-Za-z0-9_/.-]+\.md)(?:#[a-z0-9-]+)?\)`)
)

// renderMarkdown renders a page of the documentation. Raw HTML in it is left out.
func renderMarkdown(source string) template.HTML {
	source = anchored.ReplaceAllString(source, "$2 {#$1}")
	source = elsewhere.ReplaceAllString(source, "$1 (`docs/$2`)")

	markdown := goldmark.New(
		goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(parser.WithAttribute()),
	)

	var b bytes.Buffer
	if err := markdown.Convert([]byte(source), &b); err != nil {
		panic(err) // the page is part of the build
	}

	// A region that scrolls can be reached with the keyboard.
	text := strings.ReplaceAll(b.String(), "<pre>", `<pre tabindex="0">`)

	return template.HTML(strings.ReplaceAll(text, "<table>", `<table class="lines">`)) //nolint:gosec // our own page
}

// help answers a page of the documentation. It contains no data, so it needs no
// key.
func (s *Server) help(w http.ResponseWriter, r *http.Request, name string) {
	in := &input{page: &page{}, path: "help/" + name}

	if name != runbookName {
		status, title, body := s.trouble(r.Context(), in, state.Errorf(state.CodeNotFound, "web", "Unknown page."), r)
		s.write(w, r, status, s.render.layout(in, body, title))

		return
	}

	body := `<div id="page" class="help" data-title="Runbook">` + string(runbook()) + `</div>`
	s.write(w, r, http.StatusOK, s.render.layout(in, []byte(body), "Runbook"))
}

// entry returns a link to an entry of the runbook, which is given as its file
// and anchor.
func (s *Server) entry(where any) template.HTML {
	text, _ := textOf(where)
	_, anchor, _ := strings.Cut(text, "#")

	page := s.Prefix + "/ui/help/" + runbookName + "#" + template.HTMLEscapeString(anchor)

	return template.HTML( //nolint:gosec // escaped
		`<a class="alone" href="` + page + `">` + template.HTMLEscapeString(text) + `</a>`)
}
