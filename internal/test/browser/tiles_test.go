package browser

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
)

// Task types of tile_index.
const (
	scanTiles  handlers.TaskType[tileIn, tileOut] = "tile_scan"
	readTile   handlers.TaskType[tileIn, tileOut] = "tile_read"
	drawTile   handlers.TaskType[tileIn, tileOut] = "tile_draw"
	joinTiles  handlers.TaskType[tileIn, tileOut] = "tile_join"
	brokenTile                                    = 233 // every n-th tile cannot be read
)

type tileIn struct {
	Tile   int    `json:"tile"`
	Broken bool   `json:"broken,omitzero"`
	Held   string `json:"held,omitzero"`
}

type tileOut struct {
	Tiles int `json:"tiles"`
}

type tileParams struct {
	N      int    `json:"n" default:"1000" validate:"min=0,max=200000" doc:"How many tiles"`
	Source string `json:"source" default:"imagery/2026" doc:"Where the tiles are"`
	Broken bool   `json:"broken" default:"false" doc:"Some tiles cannot be read"`
	Held   string `json:"held" default:"" doc:"Gate file that the last third of the tiles waits for"`
}

// tileIndex resembles real work: two branches that join, one of which may fail.
var tileIndex = define.Define(define.Definition[tileParams]{
	Description: "Reads and draws every tile of a source, and joins them to an index",
	Tolerance:   1,
	Stages: []define.Stage[tileParams]{
		{
			Name:  "scan",
			Tasks: define.Single(scanTiles, func(p tileParams) tileIn { return tileIn{Tile: p.N} }),
		},
		{Name: "measure", Tasks: define.FanOut(readTile, define.From("scan", scanTiles), planTiles)},
		{
			Name: "thumbnails",
			Tasks: define.Dynamic(
				drawTile,
				"n",
				func(_ tileParams, i int) tileIn { return tileIn{Tile: i} },
			),
			DependsOn: []string{"scan"},
		},
		{
			Name:      "summarise",
			Tasks:     define.FanIn(joinTiles, func(p tileParams) tileIn { return tileIn{Tile: p.N} }),
			DependsOn: []string{"measure", "thumbnails"},
		},
	},
	Result: func(_ context.Context, p tileParams, _ define.Results) (any, error) { return tileOut{p.N}, nil },
})

func planTiles(p tileParams, _ int, _ tileOut) iter.Seq[tileIn] {
	return func(yield func(tileIn) bool) {
		for i := range p.N {
			in := tileIn{Tile: i, Broken: p.Broken && i%brokenTile == 57}
			if i >= p.N-50 {
				in.Held = p.Held
			}

			if !yield(in) {
				return
			}
		}
	}
}

// tile takes some time, as real work does.
func tile(ctx context.Context, t handlers.Task, in tileIn) (tileOut, error) {
	wait := time.NewTimer(time.Duration(2+t.Index%9) * time.Millisecond)
	defer wait.Stop()

	select {
	case <-ctx.Done():
		return tileOut{}, ctx.Err()
	case <-wait.C:
	}

	if in.Held != "" {
		if err := pass(ctx, in.Held); err != nil {
			return tileOut{}, err
		}
	}

	if in.Broken {
		t.Log.Info("the tile was opened", "tile", in.Tile, "reader", "test")
		t.Log.Info("the tile cannot be read", "tile", in.Tile)
	}

	if in.Broken && in.Tile%2 == 0 {
		return tileOut{}, errors.New("read tile: connection reset by peer")
	}

	if in.Broken {
		return tileOut{}, handlers.Permanent(
			fmt.Errorf("checksum mismatch: want 9e107d9d, have %08x", in.Tile),
		)
	}

	return tileOut{1}, nil
}

func tileHandlers() map[string]handlers.Handler {
	all := map[string]handlers.Handler{}
	for _, name := range []handlers.TaskType[tileIn, tileOut]{scanTiles, readTile, drawTile, joinTiles} {
		all[string(name)] = handlers.Func(
			tile,
			handlers.Attempts(3),
			handlers.Base(10*time.Millisecond),
			handlers.Cap(50*time.Millisecond),
		)
	}

	return all
}
