package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed templates/*.html
var templates embed.FS

// renderer executes the templates.
type renderer struct {
	server *Server
	all    *template.Template
}

func newRenderer(s *Server) *renderer {
	all := template.Must(template.New("").Funcs(funcs(s)).ParseFS(templates, "templates/*.html"))
	makeVisible(all)

	return &renderer{server: s, all: all}
}

// frame is the data that every template of a page gets.
type frame struct {
	In    *input
	Title string
	View  string // URL of this content
	Live  string // URL of the page's stream; empty if the page is not live
	Now   time.Time
	Ended bool
	Data  any
}

// shell is the data of the layout.
type shell struct {
	Title    string
	Nav      string
	View     string // URL of the content, if the browser must fetch it
	Body     template.HTML
	Hash     string
	Version  string
	Items    []navItem
	Prefix   string
	Problems []string
}

type navItem struct{ Name, Path, Text string }

// nav lists the items of the navigation.
var nav = []navItem{
	{"jobs", "", "Jobs"},
	{"types", "types", "Job types"},
	{"schedules", "schedules", "Schedules"},
	{"trends", "trends", "Trends"},
	{"queues", "queues", "Queues"},
	{"sweeps", "sweeps", "Sweeps"},
	{"health", "health", "Health"},
}

// layout renders the page around the content. Without a body, the browser
// fetches the content with its key.
func (re *renderer) layout(in *input, body []byte, title string) []byte {
	s := shell{
		Title:   title,
		Nav:     in.page.nav,
		Items:   nav,
		Hash:    re.server.assets.hash,
		Version: re.server.Version,
		Prefix:  re.server.Prefix,
		Body:    template.HTML(body), //nolint:gosec // these templates rendered and escaped it
	}
	if body == nil {
		s.View = re.server.address("view", in, "")
	}

	var b bytes.Buffer
	if err := re.all.ExecuteTemplate(&b, "layout", s); err != nil {
		panic(err) // its data is constant, so an error is a bug in the template
	}

	return b.Bytes()
}

// page renders the content of a page.
func (re *renderer) page(w io.Writer, in *input, c content) error {
	f := frame{
		In:    in,
		Title: c.Title,
		Now:   time.Now().UTC(),
		Data:  c.Data,
		View:  re.server.address("view", in, ""),
		Ended: c.Ended,
	}
	if in.page.pace > 0 && len(c.Parts) > 0 && !c.Ended && !c.Missing {
		f.Live = re.server.address("view", in, "/live")
	}

	if err := re.all.ExecuteTemplate(w, "open", f); err != nil {
		return err
	}

	name := in.page.name
	if in.page.bare {
		return re.all.ExecuteTemplate(w, name, c.Data)
	}

	if c.template != "" {
		name = c.template
	}

	if err := re.all.ExecuteTemplate(w, name, c.Data); err != nil {
		return err
	}

	return re.all.ExecuteTemplate(w, "close", f)
}

// part renders a live part.
func (re *renderer) part(p part, data any) ([]byte, error) {
	name := p.Template
	if name == "" {
		name = p.ID
	}

	if p.Data != nil {
		data = p.Data
	}

	var b bytes.Buffer
	if err := re.all.ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("part %s: %w", p.ID, err)
	}

	return b.Bytes(), nil
}

// address returns the URL of a page below /ui or /view, with its query.
func (s *Server) address(root string, in *input, tail string) string {
	a := s.Prefix + "/" + root
	if in.path != "" {
		a += "/" + in.path
	}

	a += tail
	if in.raw != "" {
		a += "?" + in.raw
	}

	return a
}
