package web

import (
	"slices"
)

// Sizes in the drawing of stages.
const (
	nodeWidth  = 212.0
	nodeHeight = 76.0
	columnGap  = 56.0
	rowGap     = 14.0
	laneHeight = 20.0 // height of a long edge that passes a column
	sweeps     = 12
)

// vertex is an item in a column: a stage, or the passage of a long edge.
type vertex struct {
	stage  int // -1 if it is not a stage
	column int
	before []int // neighbours in the column to the left
	after  []int // neighbours in the column to the right
	y      float64
}

func (v *vertex) height() float64 {
	if v.stage < 0 {
		return laneHeight
	}

	return nodeHeight
}

// plan is the layout of a graph: columns from left to right, each ordered from
// top to bottom. Long edges have lanes of their own, so that no edge crosses a
// stage, and each curve lies between two columns.
type plan struct {
	vertices []vertex
	columns  [][]int
	edges    []wire
	height   float64
}

// wire is an edge with its lanes: vertices from the first to the last.
type wire struct{ path []int }

// lay places stages. dependsOn lists the dependencies of each stage, which all
// have lower numbers. The stages from number apart on are in columns of their
// own, behind all others. If apart is negative, there are none.
func lay(dependsOn [][]int, apart int) *plan {
	p := &plan{vertices: make([]vertex, len(dependsOn))}
	columns := 0

	for i, deps := range dependsOn {
		p.vertices[i].stage = i
		if apart >= 0 && i >= apart {
			p.vertices[i].column = columns
		}

		for _, d := range deps {
			p.vertices[i].column = max(p.vertices[i].column, p.vertices[d].column+1)
		}

		if i < apart {
			columns = max(columns, p.vertices[i].column+1)
		}
	}

	for i, deps := range dependsOn {
		for _, d := range deps {
			p.connect(d, i)
		}
	}

	for i := range p.vertices {
		for len(p.columns) <= p.vertices[i].column {
			p.columns = append(p.columns, nil)
		}

		p.columns[p.vertices[i].column] = append(p.columns[p.vertices[i].column], i)
	}

	p.order()
	p.place()

	return p
}

func (p *plan) connect(from, to int) {
	path := []int{from}
	for column := p.vertices[from].column + 1; column < p.vertices[to].column; column++ {
		p.vertices = append(p.vertices, vertex{stage: -1, column: column})
		path = append(path, len(p.vertices)-1)
	}

	path = append(path, to)
	for i := 1; i < len(path); i++ {
		p.vertices[path[i-1]].after = append(p.vertices[path[i-1]].after, path[i])
		p.vertices[path[i]].before = append(p.vertices[path[i]].before, path[i-1])
	}

	p.edges = append(p.edges, wire{path})
}

// order sorts columns by the positions of their neighbours, in both directions,
// and keeps the order with the fewest crossings.
func (p *plan) order() {
	best, fewest := p.copyColumns(), p.crossings()
	for sweep := 0; sweep < sweeps && fewest > 0; sweep++ {
		place := p.places()
		for step := range p.columns {
			column := step
			if sweep%2 == 1 {
				column = len(p.columns) - 1 - step
			}

			weight := func(v int) float64 {
				near := p.vertices[v].before
				if sweep%2 == 1 {
					near = p.vertices[v].after
				}

				if len(near) == 0 {
					return float64(place[v])
				}

				sum := 0
				for _, n := range near {
					sum += place[n]
				}

				return float64(sum) / float64(len(near))
			}

			slices.SortStableFunc(p.columns[column], func(a, b int) int {
				switch wa, wb := weight(a), weight(b); {
				case wa < wb:
					return -1
				case wa > wb:
					return 1
				}

				return 0
			})

			for i, v := range p.columns[column] {
				place[v] = i
			}
		}

		if n := p.crossings(); n < fewest {
			best, fewest = p.copyColumns(), n
		}
	}

	p.columns = best
}

func (p *plan) copyColumns() [][]int {
	out := make([][]int, len(p.columns))
	for i, c := range p.columns {
		out[i] = slices.Clone(c)
	}

	return out
}

func (p *plan) places() []int {
	place := make([]int, len(p.vertices))
	for _, column := range p.columns {
		for i, v := range column {
			place[v] = i
		}
	}

	return place
}

// crossings counts the pairs of segments that cross between two columns.
func (p *plan) crossings() int {
	place, n := p.places(), 0
	for _, column := range p.columns {
		var ends []int // right ends, in the order of the left ends

		for _, v := range column {
			after := slices.Clone(p.vertices[v].after)
			slices.SortFunc(after, func(a, b int) int { return place[a] - place[b] })

			for _, a := range after {
				for _, e := range ends {
					if e > place[a] {
						n++
					}
				}
			}

			for _, a := range after {
				ends = append(ends, place[a])
			}
		}
	}

	return n
}

// place sets the height of each vertex close to its neighbours, with a minimum
// distance between vertices.
func (p *plan) place() {
	for _, column := range p.columns {
		p.stack(column, func(int) float64 { return 0 })
	}

	for round := range 8 {
		for step := range p.columns {
			column := p.columns[step]
			if round%2 == 1 {
				column = p.columns[len(p.columns)-1-step]
			}

			p.stack(column, func(v int) float64 {
				near := p.vertices[v].before
				if round%2 == 1 || len(near) == 0 {
					near = p.vertices[v].after
				}

				if len(near) == 0 {
					return p.vertices[v].y
				}

				sum := 0.0
				for _, n := range near {
					sum += p.vertices[n].y
				}

				return sum / float64(len(near))
			})
		}
	}

	top := 0.0
	for i := range p.vertices {
		top = min(top, p.vertices[i].y-p.vertices[i].height()/2)
	}

	for i := range p.vertices {
		p.vertices[i].y -= top
		p.height = max(p.height, p.vertices[i].y+p.vertices[i].height()/2)
	}
}

// stack places the vertices of a column as close as possible to the positions
// that wish returns, in their order and with the minimum distance. y is the
// middle.
func (p *plan) stack(column []int, wish func(v int) float64) {
	type block struct {
		first, last int
		sum         float64 // sum of the wishes, each less the height of what is above it in the block
	}

	offset := make([]float64, len(column)) // distance from the middle of the first vertex of the column
	for i := 1; i < len(column); i++ {
		offset[i] = offset[i-1] + p.vertices[column[i-1]].height()/2 + rowGap + p.vertices[column[i]].height()/2
	}

	mean := func(b block) float64 { return b.sum / float64(b.last-b.first+1) }

	var blocks []block
	for i, v := range column {
		blocks = append(blocks, block{i, i, wish(v) - offset[i]})
		for n := len(blocks); n > 1 && mean(blocks[n-2]) > mean(blocks[n-1]); n = len(blocks) {
			blocks[n-2].last = blocks[n-1].last
			blocks[n-2].sum += blocks[n-1].sum
			blocks = blocks[:n-1]
		}
	}

	for _, b := range blocks {
		for i := b.first; i <= b.last; i++ {
			p.vertices[column[i]].y = mean(b) + offset[i]
		}
	}
}
