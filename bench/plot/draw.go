package main

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// theme has the colours of a kind of page.
type theme struct {
	name             string
	page, text, grid color.Color
	lines            map[string]color.Color // by the name of a contender
}

var themes = []theme{
	{
		name: "light", page: rgb(0xffffff), text: rgb(0x1f2328), grid: rgb(0xd8dee4),
		lines: map[string]color.Color{
			"ours": rgb(0x0969da), "floor": rgb(0x6e7781), "river/durable-tuned": rgb(0xbc4c00),
			"dbos/steps": rgb(0x1a7f37), "dbos/queue-tuned": rgb(0x1a7f37), "workflows/sqlite-tuned": rgb(0x8250df),
			"asynq/everysec-tuned": rgb(0xbf3989), "asynq/always-tuned": rgb(0x9a6700),
		},
	},
	{
		name: "dark", page: rgb(0x0d1117), text: rgb(0xe6edf3), grid: rgb(0x30363d),
		lines: map[string]color.Color{
			"ours": rgb(0x58a6ff), "floor": rgb(0x8b949e), "river/durable-tuned": rgb(0xf0883e),
			"dbos/steps": rgb(0x3fb950), "dbos/queue-tuned": rgb(0x3fb950), "workflows/sqlite-tuned": rgb(0xbc8cff),
			"asynq/everysec-tuned": rgb(0xf778ba), "asynq/always-tuned": rgb(0xe3b341),
		},
	},
}

func rgb(c uint32) color.Color {
	return color.RGBA{R: uint8(c >> 16), G: uint8(c >> 8), B: uint8(c), A: 255} //nolint:gosec // the bytes of c
}

// style is what does not depend on the theme.
type style struct {
	legend string
	glyph  vgdraw.GlyphDrawer
	width  vg.Length
	dashes []vg.Length
}

var (
	thin   = vg.Points(1.5)
	dashed = []vg.Length{vg.Points(5), vg.Points(3)}
	styles = map[string]style{
		"ours":                   {"CoreMachine", vgdraw.CircleGlyph{}, vg.Points(3), nil},
		"floor":                  {"Postgres alone (floor)", vgdraw.CrossGlyph{}, thin, dashed},
		"river/durable-tuned":    {"River, durable barrier", vgdraw.SquareGlyph{}, thin, nil},
		"dbos/steps":             {"DBOS, steps or queue", vgdraw.TriangleGlyph{}, thin, nil},
		"dbos/queue-tuned":       {"DBOS, steps or queue", vgdraw.TriangleGlyph{}, thin, nil},
		"workflows/sqlite-tuned": {"go-workflows, sqlite", vgdraw.PlusGlyph{}, thin, nil},
		"asynq/everysec-tuned":   {"asynq, fsync every second", vgdraw.RingGlyph{}, thin, nil},
		"asynq/always-tuned":     {"asynq, fsync always", vgdraw.PyramidGlyph{}, thin, dashed},
	}
)

const (
	width, height = 11 * vg.Inch, 5.2 * vg.Inch
	legendHeight  = 0.55 * vg.Inch
	legendColumns = 4
	margin        = 0.12 * vg.Inch
)

// draw writes the picture of a theme.
func draw(all []*series, t theme, path string) error {
	left, err := chart(all, t, "tasks", "Tasks per stage (two stages), one process", powers(0, 6))
	if err != nil {
		return err
	}
	right, err := chart(all, t, "processes", "Processes", constant(1, 2, 4, 8, 16))
	if err != nil {
		return err
	}
	left.Y.Label.Text = "Tasks per second"
	left.Y.Min = min(left.Y.Min, right.Y.Min)
	left.Y.Max = max(left.Y.Max, right.Y.Max)
	right.Y.Min, right.Y.Max = left.Y.Min, left.Y.Max

	svg := vgsvg.New(width, height)
	canvas := vgdraw.New(svg)
	canvas.SetColor(t.page)
	canvas.Fill(canvas.Rectangle.Path())

	tiles := vgdraw.Tiles{Rows: 1, Cols: 2, PadX: 3 * margin, PadLeft: margin, PadRight: margin, PadTop: margin}
	area := vgdraw.Crop(canvas, 0, 0, legendHeight+margin, 0)
	for i, c := range plot.Align([][]*plot.Plot{{left, right}}, tiles, area)[0] {
		[]*plot.Plot{left, right}[i].Draw(c)
	}
	if err := legends(all, t, vgdraw.Crop(canvas, 4*margin, 0, margin, -(height-legendHeight))); err != nil {
		return err
	}

	return write(svg, path)
}

// write names fonts of the same metrics for readers without Liberation Sans.
func write(picture io.WriterTo, path string) error {
	var b bytes.Buffer
	if _, err := picture.WriteTo(&b); err != nil {
		return err
	}
	const family = "font-family:Liberation Sans"
	text := bytes.ReplaceAll(b.Bytes(), []byte(family+";"), []byte(family+",Arial,Helvetica,sans-serif;"))
	return os.WriteFile(path, text, 0o644) //nolint:gosec // part of the documentation
}

func sans(size float64) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(size)}
}

// chart returns one of the charts. Both axes are logarithmic.
func chart(all []*series, t theme, name, label string, ticks plot.Ticker) (*plot.Plot, error) {
	p := plot.New()
	p.BackgroundColor = t.page
	p.X.Label.Text = label
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Scale = plot.LogScale{}
		axis.Color, axis.Tick.Color, axis.Label.TextStyle.Color, axis.Tick.Label.Color = t.grid, t.grid, t.text, t.text
		axis.Label.TextStyle.Font, axis.Tick.Label.Font = sans(13), sans(12)
		axis.Padding = 0
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks, powers(0, 6)

	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = t.grid, t.grid
	p.Add(grid)

	for _, s := range all {
		if s.chart != name {
			continue
		}
		line, points, err := marked(s, t)
		if err != nil {
			return nil, err
		}
		p.Add(line, points)
	}

	// Whole decades, so that both charts can share an axis.
	p.Y.Min = math.Pow(10, math.Floor(math.Log10(max(1, p.Y.Min))))
	p.Y.Max = math.Pow(10, math.Ceil(math.Log10(max(10, p.Y.Max))))
	return p, nil
}

func marked(s *series, t theme) (*plotter.Line, *plotter.Scatter, error) {
	look, known := styles[s.name]
	if !known {
		return nil, nil, fmt.Errorf("there is no style for %q", s.name)
	}
	xys := make(plotter.XYs, len(s.xs))
	for i := range s.xs {
		xys[i] = plotter.XY{X: s.xs[i], Y: s.ys[i]}
	}
	line, points, err := plotter.NewLinePoints(xys)
	if err != nil {
		return nil, nil, err
	}
	line.Color, line.Width, line.Dashes = t.lines[s.name], look.width, look.dashes
	points.Color, points.Shape, points.Radius = t.lines[s.name], look.glyph, vg.Points(3.5)
	return line, points, nil
}

// legends draws the legend of both charts in columns.
func legends(all []*series, t theme, area vgdraw.Canvas) error {
	var columns [legendColumns]plot.Legend
	for i := range columns {
		columns[i] = plot.NewLegend()
		columns[i].Left, columns[i].Top = true, true
		columns[i].TextStyle.Color, columns[i].TextStyle.Font = t.text, sans(12)
		columns[i].ThumbnailWidth, columns[i].Padding = 0.35*vg.Inch, vg.Points(3)
	}
	seen := map[string]bool{}
	for _, s := range all {
		line, points, err := marked(s, t)
		if err != nil {
			return err
		}
		name := styles[s.name].legend
		if !seen[name] {
			columns[len(seen)%legendColumns].Add(name, line, points)
			seen[name] = true
		}
	}
	step := area.Size().X / legendColumns
	for i := range columns {
		columns[i].Draw(vgdraw.Crop(area, vg.Length(i)*step, 0, 0, 0))
	}
	return nil
}

// powers returns ticks at powers of ten, labelled 1, 10, 100, 1k and so on.
func powers(low, high int) plot.Ticker {
	var all plot.ConstantTicks
	for e := low; e <= high; e++ {
		v := math.Pow10(e)
		all = append(all, plot.Tick{Value: v, Label: short(v)})
	}
	return all
}

func constant(values ...float64) plot.Ticker {
	var all plot.ConstantTicks
	for _, v := range values {
		all = append(all, plot.Tick{Value: v, Label: short(v)})
	}
	return all
}

func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%g", v)
}
