package web

import (
	"fmt"
	"slices"
	"strings"

	"coremachine/internal/state"
)

// graph is a drawing of stages, for the template "graph".
type graph struct {
	Width, Height float64
	Fit           bool // the drawing may shrink to the width of the page; otherwise it scrolls
	Nodes         []node
	Edges         []edge
	Apart         float64 // X of the line before the finally stages; 0: there are none
}

// node is a stage in a graph. X and Y are its upper left corner.
type node struct {
	X, Y  float64
	URL   string
	Name  string
	Cut   string // the name, cut to the width of the node
	Note  string
	Says  string // its status, and the note if it says more
	Kind  string
	Count string
	Class string // class of the worst outcome in it
	Shape string
	Bar   []slice
}

type edge struct {
	D       string
	Waiting bool // the stage at the end of the edge has not started
}

// kind returns the kind of the stage in words.
func (r *stageRow) kind() string {
	if r.Finally {
		return "finally, " + word(r.Kind)
	}

	return word(r.Kind)
}

// says returns the status of the stage, and the note if it says more.
func (r *stageRow) says() string {
	status, note := word(r.Shown()), r.note()
	if status == "" || status == note {
		return note
	}

	return status + " · " + note
}

const margin = 4.0 // space around the drawing, for borders

// drawGraph draws the stages of a job.
func drawGraph(stages []stageRow) graph {
	place := map[string]int{}

	deps := make([][]int, len(stages))
	for i, s := range stages {
		place[s.Name] = i
		for _, name := range s.DependsOn {
			if d, ok := place[name]; ok {
				deps[i] = append(deps[i], d)
			}
		}
	}

	if len(stages) == 0 {
		return graph{Width: 2 * margin, Height: 2 * margin, Fit: true}
	}

	apart := slices.IndexFunc(stages, func(s stageRow) bool { return s.Finally })
	p := lay(deps, apart)
	left := func(v int) float64 { return margin + float64(p.vertices[v].column)*(nodeWidth+columnGap) }

	g := graph{
		Width:  2*margin + float64(len(p.columns))*(nodeWidth+columnGap) - columnGap,
		Height: 2*margin + p.height,
		Fit:    len(p.columns) <= 6,
	}
	if apart > 0 {
		g.Apart = left(apart) - columnGap/2
	}

	for i, s := range stages {
		v := &p.vertices[i]
		n := node{
			X: left(
				i,
			),
			Y:     margin + v.y - nodeHeight/2,
			URL:   s.URL,
			Name:  s.Name,
			Note:  s.note(),
			Says:  s.says(),
			Kind:  s.kind(),
			Count: s.count(),
			Bar:   stack(s.Tasks, nodeWidth-24),
		}
		n.Class, n.Shape = s.look()
		n.Cut = first(19-min(len(n.Note), 9), s.Name)
		g.Nodes = append(g.Nodes, n)
	}

	for _, e := range p.edges {
		g.Edges = append(
			g.Edges,
			edge{D: p.draw(e, left), Waiting: stages[e.path[len(e.path)-1]].Status == state.StageWaiting},
		)
	}

	return g
}

// draw returns the path of an edge: curves from column to column, and straight
// lines through the lanes between them.
func (p *plan) draw(e wire, left func(int) float64) string {
	var d strings.Builder

	at := e.path[0]
	x, y := left(at)+nodeWidth, margin+p.vertices[at].y
	fmt.Fprintf(&d, "M%.1f %.1f", x, y)

	for i, v := range e.path[1:] {
		nx, ny := left(v), margin+p.vertices[v].y
		if i == len(e.path)-2 {
			nx -= 7 // space for the arrow
		}

		half := (nx - x) / 2
		fmt.Fprintf(&d, "C%.1f %.1f %.1f %.1f %.1f %.1f", x+half, y, nx-half, ny, nx, ny)

		x, y = nx, ny
		if i < len(e.path)-2 {
			x += nodeWidth
			fmt.Fprintf(&d, "H%.1f", x)
		}
	}

	return d.String()
}
