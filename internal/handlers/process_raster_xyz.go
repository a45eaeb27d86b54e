package handlers

import (
	"context"
	"encoding/json"
	"path"

	"golang.org/x/sync/errgroup"

	"coremachine/internal/raster/tiff"
	"coremachine/internal/raster/xyz"
)

// RenderXYZInput selects a block of web tiles.
type RenderXYZInput struct {
	xyz.Block
}

// RenderXYZOutput counts the tiles of a block.
type RenderXYZOutput struct {
	Tiles int   `json:"tiles"` // stored
	Empty int   `json:"empty"` // without data, so that there is no picture
	Bytes int64 `json:"bytes"`
}

// tileFolder is the folder of the web tiles of an output.
func tileFolder(output string) string { return withoutExt(output) + ".tiles/" }

// tilePuts is the number of tiles that a task stores at the same time.
const tilePuts = 8

// renderXYZ renders web tiles from the output and stores them next to it. Each
// attempt stores the same pictures.
func renderXYZ(ctx context.Context, t Task, in RenderXYZInput) (out RenderXYZOutput, err error) {
	v, err := validated(ctx, t)
	if err != nil {
		return out, err
	}

	a, err := assembled(ctx, t)
	if err != nil {
		return out, err
	}

	run := RasterRun{Source: a.Blob, Output: a.Blob}

	f, err := tiff.Open(ctx, blobSource{t.Deps.Blobs, a.Blob})
	if err != nil {
		return out, rasterError(run, err)
	}

	r, err := xyz.NewRenderer(ctx, v.WebTiles, f, a.COG.Stats)
	if err != nil {
		return out, rasterError(run, err)
	}

	release, err := admitRaster(ctx, r.Memory())
	if err != nil {
		return out, err
	}
	defer release()

	puts, storing := errgroup.WithContext(ctx)
	puts.SetLimit(tilePuts)

	err = r.Block(storing, in.Block, func(_ context.Context, tile xyz.Tile, picture []byte) error {
		name := tileFolder(a.Blob.Blob) + tile.Name()

		if picture != nil {
			out.Tiles++
			out.Bytes += int64(len(picture))

			puts.Go(func() error { return putTile(storing, t, run, name, picture) })

			return nil
		}

		out.Empty++

		// A tile of the output that was replaced may be there.
		if v.Run.Output.ETag != "" {
			return outputError{t.Deps.Blobs.Delete(storing, run.Output.Container, name, "")}.orNil()
		}

		return nil
	})

	// If a tile could not be stored, the others fail because of that.
	if failed := puts.Wait(); failed != nil {
		err = failed
	}

	return out, rasterError(run, err)
}

func putTile(ctx context.Context, t Task, run RasterRun, name string, picture []byte) error {
	_, err := t.Deps.Blobs.Put(ctx, run.Output.Container, name, picture, WriteOptions{ContentType: "image/png"})

	return outputError{err}.orNil()
}

// WriteTileJSONInput is empty, because the task reads earlier results.
type WriteTileJSONInput struct{}

// WriteTileJSONOutput describes the web tiles of an output.
type WriteTileJSONOutput struct {
	Container string `json:"container"`
	TileJSON  string `json:"tilejson"` // blob with the description for map clients
	Tiles     string `json:"tiles"`    // pattern of the blobs, with {z}, {x} and {y}
	MinZoom   int    `json:"min_zoom"`
	MaxZoom   int    `json:"max_zoom"`
	Stored    int64  `json:"stored"`
	Empty     int64  `json:"empty"` // without data, so that there is no picture
	Bytes     int64  `json:"bytes"`
}

// tileJSON is a description of web tiles, version 3.0.0 of the specification.
type tileJSON struct {
	TileJSON string     `json:"tilejson"`
	Name     string     `json:"name"`
	Tiles    []string   `json:"tiles"` // relative to the description
	MinZoom  int        `json:"minzoom"`
	MaxZoom  int        `json:"maxzoom"`
	Bounds   [4]float64 `json:"bounds"`
	Center   [3]float64 `json:"center"`
}

func newTileJSON(p *xyz.Plan, name string) tileJSON {
	b := p.Bounds

	return tileJSON{
		TileJSON: "3.0.0", Name: name, Tiles: []string{xyz.Template}, MinZoom: p.MinZoom, MaxZoom: p.MaxZoom,
		Bounds: [4]float64{b.West, b.South, b.East, b.North},
		Center: [3]float64{(b.West + b.East) / 2, (b.South + b.North) / 2, float64(p.MinZoom)},
	}
}

// writeTileJSON describes the tiles. It comes last, so that a description exists
// only if all tiles do.
func writeTileJSON(ctx context.Context, t Task, _ WriteTileJSONInput) (out WriteTileJSONOutput, err error) {
	v, err := validated(ctx, t)
	if err != nil {
		return out, err
	}

	a, err := assembled(ctx, t)
	if err != nil {
		return out, err
	}

	folder := tileFolder(a.Blob.Blob)
	out = WriteTileJSONOutput{
		Container: a.Blob.Container, TileJSON: folder + "tilejson.json", Tiles: folder + xyz.Template,
		MinZoom: v.WebTiles.MinZoom, MaxZoom: v.WebTiles.MaxZoom,
	}

	for r, err := range Results[RenderXYZOutput](ctx, t, rasterTilesXYZStage) {
		if err != nil {
			return out, err
		}

		out.Stored += int64(r.Tiles)
		out.Empty += int64(r.Empty)
		out.Bytes += r.Bytes
	}

	data, err := json.MarshalIndent(newTileJSON(v.WebTiles, path.Base(a.Blob.Blob)), "", "  ")
	if err != nil {
		return out, err
	}

	_, err = t.Deps.Blobs.Put(ctx, out.Container, out.TileJSON, data, WriteOptions{ContentType: "application/json"})
	if err != nil {
		return out, outputFault(*v.Run, err)
	}

	return out, nil
}
