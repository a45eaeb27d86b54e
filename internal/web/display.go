package web

import (
	"cmp"
	"encoding/json"
	"strings"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// display is a part of a job's result that is shown as a picture or a table.
type display struct {
	Title   string
	Picture *picture
	Table   *table
}

// picture is a picture that the API streams from storage.
type picture struct {
	URL    string
	Alt    string
	Width  int
	Height int
	// Keyed means that the API requires a key, which the script of the page
	// sends. The browser itself sends none.
	Keyed bool
}

// displays returns what the job's type declares to be shown and the result has.
func (s *Server) displays(job view.JobView) []display {
	if job.Result == nil || s.Types == nil {
		return nil
	}

	var list []display

	declared, _ := state.FindType(s.Types(), job.JobType)
	for _, d := range declared.Show {
		if one, ok := s.display(job, d); ok {
			list = append(list, one)
		}
	}

	return list
}

func (s *Server) display(job view.JobView, d state.Display) (display, bool) {
	member := state.Member(job.Result, d.Path)
	if member == nil {
		return display{}, false
	}

	shown := display{Title: heading(d.Path)}

	switch d.Kind {
	case state.DisplayImage:
		shown.Picture = s.pictureOf(job, d.Path, member)
	case state.DisplayTable:
		shown.Table = tableOf(member)
	}

	return shown, shown.Picture != nil || shown.Table != nil
}

// maxSide is the largest width or height of a picture in pixels. A result with a
// larger one shows no picture.
const maxSide = 20_000

func (s *Server) pictureOf(job view.JobView, path string, member json.RawMessage) *picture {
	var p struct {
		Blob   string `json:"blob"`
		Width  int    `json:"width"`
		Height int    `json:"height"`
		Alt    string `json:"alt"`
	}
	if json.Unmarshal(member, &p) != nil || p.Blob == "" {
		return nil
	}

	if min(p.Width, p.Height) < 1 || max(p.Width, p.Height) > maxSide {
		return nil
	}

	return &picture{
		URL:    join(s.Prefix, []any{"jobs", job.JobID, "pictures", path}),
		Alt:    cmp.Or(p.Alt, heading(path)),
		Width:  p.Width,
		Height: p.Height,
		Keyed:  !s.Inline,
	}
}

// heading returns the heading of a member: the last name of its path, in words.
func heading(path string) string {
	words := strings.ReplaceAll(path[strings.LastIndexByte(path, '.')+1:], "_", " ")
	if words == "" {
		return words
	}

	return strings.ToUpper(words[:1]) + words[1:]
}
