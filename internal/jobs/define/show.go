package define

import (
	"fmt"
	"regexp"
	"strings"

	"coremachine/internal/state"
)

// Display is a member of a job's result that the dashboard shows as more than
// JSON.
type Display = state.Display

// DisplayKind says how a Display is shown.
type DisplayKind = state.DisplayKind

// The kinds of displays.
const (
	DisplayImage = state.DisplayImage
	DisplayTable = state.DisplayTable
)

// Image shows a member of the result that is a handlers.Picture. If the member
// is null or missing, nothing is shown.
func Image(path string) Display { return Display{Kind: DisplayImage, Path: path} }

// Table shows a member of the result as a table: an array of objects with a row
// for each, or an object with a row for each of its members. If the member is
// null or missing, nothing is shown.
func Table(path string) Display { return Display{Kind: DisplayTable, Path: path} }

// Show returns what the dashboard shows of the job's result. The caller must not
// change it.
func (j Job) Show() []Display { return j.show }

// maxDisplays limits what a page of a job has to render.
const maxDisplays = 10

var displayPath = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,3}$`)

// showProblems returns what is wrong with the displays of a job.
func (j *job) showProblems() []string {
	var bad []string

	problem := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	seen := map[string]bool{}

	for _, d := range j.show {
		if d.Kind != DisplayImage && d.Kind != DisplayTable {
			problem("it shows %q, which was not made by Image or Table", d.Path)
		}

		if !displayPath.MatchString(d.Path) {
			problem("it shows %q: want up to 4 names in snake_case, separated by dots", d.Path)
		}

		if seen[d.Path] {
			problem("it shows %q twice", d.Path)
		}

		seen[d.Path] = true
	}

	if len(j.show) > maxDisplays {
		problem("it shows %d members of its result: at most %d", len(j.show), maxDisplays)
	}

	if len(j.show) > 0 && j.result == nil {
		problem("it shows %s, but has no result function", strings.Join(paths(j.show), ", "))
	}

	return bad
}

func paths(show []Display) []string {
	list := make([]string, len(show))
	for i, d := range show {
		list[i] = d.Path
	}

	return list
}
