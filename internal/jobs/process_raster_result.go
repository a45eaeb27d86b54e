package jobs

import (
	"context"

	h "coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/raster/cog"
)

// ProcessRasterResult is the result of ProcessRaster.
type ProcessRasterResult struct {
	Output     ProcessRasterOutput    `json:"output"`
	Preview    *h.Picture             `json:"preview"`
	WebTiles   *h.WriteTileJSONOutput `json:"web_tiles,omitzero"`
	Statistics []BandStatistics       `json:"statistics"`
	Report     h.RasterReport         `json:"report"` // on the source
	Verified   h.VerifyCOGOutput      `json:"verified"`
}

// ProcessRasterOutput describes the COG.
type ProcessRasterOutput struct {
	h.RasterBlob
	HeaderSHA256 string          `json:"header_sha256"`
	BigTIFF      bool            `json:"big_tiff"`
	Blocks       int             `json:"blocks"`
	Tasks        int             `json:"tasks"`
	Levels       []cog.LevelInfo `json:"levels"`
}

// BandStatistics are the statistics of the valid pixels of a band.
type BandStatistics struct {
	Band int `json:"band"` // from 1
	cog.BandStats
}

func processRasterResult(ctx context.Context, _ ProcessRasterParams, r define.Results) (any, error) {
	var out ProcessRasterResult

	for v, err := range define.Of[h.ValidateGeotiffOutput](ctx, r, "validate_geotiff") {
		if err != nil {
			return nil, err
		}

		out.Report = v.Report
		if v.Plan != nil {
			out.Output.Tasks = v.Plan.Tasks
		}
	}

	for a, err := range define.Of[h.AssembleCOGOutput](ctx, r, "assemble_cog") {
		if err != nil {
			return nil, err
		}

		out.Output = ProcessRasterOutput{
			RasterBlob: a.Blob, HeaderSHA256: a.COG.HeaderSHA256, BigTIFF: a.COG.BigTIFF, Blocks: a.Blocks,
			Tasks: out.Output.Tasks, Levels: a.COG.Levels,
		}

		for i, s := range a.COG.Stats {
			out.Statistics = append(out.Statistics, BandStatistics{i + 1, s})
		}
	}

	for v, err := range define.Of[h.VerifyCOGOutput](ctx, r, "verify_cog") {
		if err != nil {
			return nil, err
		}

		out.Verified = v
	}

	for p, err := range define.Of[h.RasterPreviewOutput](ctx, r, "preview") {
		if err != nil {
			return nil, err
		}

		out.Preview = p.Preview
	}

	for w, err := range define.Of[h.WriteTileJSONOutput](ctx, r, "write_tilejson") {
		if err != nil {
			return nil, err
		}

		out.WebTiles = &w
	}

	return out, nil
}
