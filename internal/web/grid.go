package web

import (
	"context"
	"fmt"
	"strings"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// gridPage is the data of the template "grid": the tasks of a stage as cells,
// row by row.
type gridPage struct {
	view.GridView
	Cols, Rows  int
	Width       int // in pixels, if there is enough space
	Paths       []gridPath
	Legend      []legend
	Label       string // text alternative for the drawing
	URL         string // URL of this content
	Task        string // URL of a task, without its index
	List        string // URL of the stage's task list
	Every       int    // milliseconds between two readings while the grid changes
	Cells, Some int
}

// gridPath draws all cells of one status.
type gridPath struct{ Class, D string }

// legend is a status with its number of tasks. A number below 0 means that it
// is not known.
type legend struct {
	Class, Word, URL string
	Count            int
}

// gridColumns maps the number of cells to the width of the grid: a small stage
// gets larger cells.
var gridColumns = []struct{ cells, columns, pixels int }{
	{10, 10, 24},
	{100, 20, 24},
	{1000, 50, 12},
	{view.MaxGridCells, 100, 6},
}

func loadGrid(ctx context.Context, s *Server, in *input) (content, error) {
	id, err := state.ParseJobID(in.params["id"])
	if err != nil {
		return content{}, err
	}

	view, err := s.Reader.ReadGrid(ctx, id, in.params["stage"])
	if err != nil {
		return content{}, err
	}

	return content{Title: view.Stage, Data: s.grid(view)}, nil
}

func (s *Server) grid(v view.GridView) gridPage {
	at := []any{"jobs", v.JobID, "stages", v.Stage}
	list := join(s.Prefix+"/ui", at)

	g := gridPage{
		GridView: v,
		URL:      join(s.Prefix+"/view", append(at, "grid")),
		Task:     list + "/tasks/",
		List:     list + "?view=list",
		Every:    2000,
	}
	if v.Cell > 1 {
		g.Every = 5000
	}

	g.Cells = (v.Tasks.Total + v.Cell - 1) / v.Cell
	for _, c := range gridColumns {
		if g.Cols, g.Width = c.columns, c.columns*c.pixels; g.Cells <= c.cells {
			break
		}
	}

	g.Rows = (g.Cells + g.Cols - 1) / g.Cols
	g.Paths = gridPaths(v, g.Cols)
	g.Legend = gridLegend(v, g.List)
	g.Label = gridLabel(v, g.Legend)

	return g
}

// gridClasses are the statuses of cells with their colours and words, in the
// order in which the page draws and lists them.
var gridClasses = []struct {
	status view.GridStatus
	class  string
	word   string
	filter state.TaskStatus
}{
	{view.GridCompleted, "completed", "completed", state.TaskCompleted},
	{view.GridPartly, "some", "some completed", ""},
	{view.GridFailed, "failed", "failed", state.TaskFailed},
	{view.GridRetrying, "retrying", "retrying", ""},
	{view.GridRunning, "running", "running", state.TaskRunning},
	{view.GridCancelled, "cancelled", "cancelled", state.TaskCancelled},
	{view.GridQueued, "queued", "queued", state.TaskQueued},
}

// gridPaths draws runs of cells: whole rows with the same status become one
// rectangle.
func gridPaths(v view.GridView, columns int) []gridPath {
	drawn := map[view.GridStatus]*strings.Builder{}
	for _, r := range v.Ranges {
		d := drawn[r.Status]
		if d == nil {
			d = &strings.Builder{}
			drawn[r.Status] = d
		}

		from := r.First / v.Cell

		to := from + (r.Count+v.Cell-1)/v.Cell
		for from < to {
			x, y := from%columns, from/columns

			w, h := min(to-from, columns-x), 1
			if x == 0 && to-from >= columns {
				w, h = columns, (to-from)/columns
			}

			fmt.Fprintf(d, "M%d %dh%dv%dh-%dz", x, y, w, h, w)
			from += w * h
		}
	}

	var paths []gridPath

	for _, c := range gridClasses {
		if d := drawn[c.status]; d != nil {
			paths = append(paths, gridPath{c.class, d.String()})
		}
	}

	return paths
}

// gridLegend counts tasks by the stage's counters. For statuses that the
// counters do not distinguish, it counts cells if each cell is one task.
func gridLegend(v view.GridView, list string) []legend {
	cells := map[view.GridStatus]int{}
	for _, r := range v.Ranges {
		cells[r.Status] += r.Count
	}

	counts := map[view.GridStatus]int{
		view.GridCompleted: v.Tasks.Completed,
		view.GridFailed:    v.Tasks.Failed,
		view.GridCancelled: v.Tasks.Cancelled,
		view.GridRunning:   v.Tasks.Running,
		view.GridQueued:    v.Tasks.Queued,
		view.GridRetrying:  -1,
		view.GridPartly:    -1,
	}
	if v.Cell == 1 {
		counts[view.GridRetrying] = cells[view.GridRetrying]
		counts[view.GridQueued] = max(0, v.Tasks.Queued-cells[view.GridRetrying])
	}

	var all []legend

	for _, c := range gridClasses {
		if counts[c.status] > 0 || cells[c.status] > 0 {
			l := legend{Class: c.class, Word: c.word, Count: counts[c.status]}
			if c.filter != "" {
				l.URL = list + "&status=" + string(c.filter)
			}

			all = append(all, l)
		}
	}

	return all
}

func gridLabel(v view.GridView, all []legend) string {
	said := make([]string, 0, len(all))
	for _, l := range all {
		if l.Count >= 0 {
			said = append(said, num(l.Count)+" "+l.Word)
		}
	}

	return num(v.Tasks.Total) + " tasks of " + v.Stage + ": " + strings.Join(said, ", ")
}
