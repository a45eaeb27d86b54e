package xyz

import (
	"math"

	"coremachine/internal/raster/geo"
)

// Positions are computed exactly at each pixel up to exactZoom, and from there
// on at every gridStep-th one. Between them they are interpolated, which is off
// by less than a thousandth of a pixel.
const (
	exactZoom = 3
	gridStep  = 16
)

// grid holds the positions in the raster of points of some tiles in a row, as
// columns and rows of full resolution. A position that does not exist is NaN.
type grid struct {
	step, across int
	columns      []float64
	rows         []float64
}

// locator converts positions on the map to those in a raster.
type locator struct {
	plan       *Plan
	projection geo.Projection
}

// grid returns the positions of n tiles from x on.
func (l *locator) grid(z, x, y, n int) *grid {
	g := &grid{step: gridStep}

	// Where longitudes jump, nothing can be interpolated.
	if z <= exactZoom || l.plan.From != nil {
		g.step = 1
	}

	size := float64(TileSize) * math.Exp2(float64(z))
	g.across = n*TileSize/g.step + 1
	down := TileSize/g.step + 1

	g.columns = make([]float64, 0, g.across*down)
	g.rows = make([]float64, 0, g.across*down)

	for j := range down {
		lat := latitude((float64(y*TileSize+j*g.step) + 0.5) / size)

		for i := range g.across {
			lon := (float64(x*TileSize+i*g.step)+0.5)/size*360 - 180

			column, row := l.position(lon, lat, g.step == 1)
			g.columns = append(g.columns, column)
			g.rows = append(g.rows, row)
		}
	}

	return g
}

// latitude returns the latitude of a part of the map's height.
func latitude(part float64) float64 {
	return math.Atan(math.Sinh((1-2*part)*math.Pi)) * 180 / math.Pi
}

// position returns a position in the raster. A projection has no meaning far
// from its area: with far, the position of a point there does not exist.
func (l *locator) position(lon, lat float64, far bool) (column, row float64) {
	b := l.plan.Bounds
	margin := 0.05*max(b.East-b.West, b.North-b.South) + 1e-6

	outside := lon < b.West-margin || lon > b.East+margin || lat < b.South-margin || lat > b.North+margin
	if far && outside {
		return math.NaN(), math.NaN()
	}

	if l.plan.From != nil && lon < *l.plan.From {
		lon += 360
	}

	return l.plan.Transform.Pixel(l.projection.Forward(lon, lat))
}

// at returns the position of the centre of a pixel of the tiles.
func (g *grid) at(i, j int) (column, row float64) {
	if g.step == 1 {
		k := j*g.across + i

		return g.columns[k], g.rows[k]
	}

	k := j/g.step*g.across + i/g.step
	right, down := float64(i%g.step)/float64(g.step), float64(j%g.step)/float64(g.step)

	mix := func(v []float64) float64 {
		above := v[k] + (v[k+1]-v[k])*right
		below := v[k+g.across] + (v[k+g.across+1]-v[k+g.across])*right

		return above + (below-above)*down
	}

	return mix(g.columns), mix(g.rows)
}

// extent returns the lowest and highest positions. Without any, low is above
// high.
func (g *grid) extent() (low, high [2]float64) {
	low = [2]float64{math.Inf(1), math.Inf(1)}
	high = [2]float64{math.Inf(-1), math.Inf(-1)}

	for k, column := range g.columns {
		if row := g.rows[k]; column == column && row == row {
			low[0], high[0] = min(low[0], column), max(high[0], column)
			low[1], high[1] = min(low[1], row), max(high[1], row)
		}
	}

	return low, high
}
