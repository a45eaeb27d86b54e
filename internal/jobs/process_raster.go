package jobs

import (
	"iter"

	h "coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
)

// ProcessRasterParams are the parameters of ProcessRaster.
type ProcessRasterParams struct {
	SourceContainer    string `json:"source_container" validate:"required,min=3,max=63" pattern:"^[a-z0-9](-?[a-z0-9])+$" doc:"Container of the source"`
	SourceBlob         string `json:"source_blob" validate:"required,max=1024" doc:"Name of the source, a GeoTIFF"`
	OutputContainer    string `json:"output_container" validate:"max=63" pattern:"^([a-z0-9](-?[a-z0-9])+)?$" doc:"Container of the output. Empty: that of the source"`
	OutputBlob         string `json:"output_blob" validate:"max=1024" doc:"Name of the output. Empty: the first digits of the job id and the name of the source"`
	Overwrite          bool   `json:"overwrite" default:"false" doc:"Replace an output that exists"`
	Profile            string `json:"profile" default:"analysis" validate:"oneof=analysis visualization archive raw" doc:"analysis: deflate, visualization: jpeg, archive: zstd 9, raw: no compression"`
	Compression        string `json:"compression" validate:"omitempty,oneof=deflate zstd jpeg none" doc:"Compression. Empty: that of the profile"`
	Level              int    `json:"level" default:"0" validate:"min=0,max=19" doc:"Level of deflate (1 to 9) or zstd (1 to 19). 0: that of the profile"`
	Quality            int    `json:"quality" default:"0" validate:"min=0,max=100" doc:"Quality of jpeg. 0: that of the profile"`
	Predictor          string `json:"predictor" default:"auto" validate:"oneof=auto none horizontal float" doc:"Predictor of deflate and zstd"`
	BlockSize          int    `json:"blocksize" default:"512" validate:"oneof=128 256 512 1024" doc:"Width and height of a tile in pixels"`
	OverviewResampling string `json:"overview_resampling" default:"auto" validate:"oneof=auto average nearest" doc:"Resampling of overviews. auto: nearest for a palette, else average"`
	NoData             string `json:"nodata" validate:"max=64" doc:"Value of pixels without data: a number or nan. Empty: that of the source"`
	Sparse             bool   `json:"sparse" default:"false" doc:"Leave out tiles without data"`
	Statistics         bool   `json:"statistics" default:"true" doc:"Compute statistics of each band"`
	PreviewSize        int    `json:"preview_size" default:"1024" validate:"min=0,max=4096" doc:"Width or height of the preview in pixels. 0: no preview"`
	Tiles              string `json:"tiles" default:"none" validate:"oneof=none xyz" doc:"xyz: render web tiles, PNG pictures in Web Mercator, and a tilejson"`
	MinZoom            int    `json:"min_zoom" default:"-1" validate:"min=-1,max=24" doc:"Lowest zoom of web tiles. -1: at which the raster fits into a few tiles"`
	MaxZoom            int    `json:"max_zoom" default:"-1" validate:"min=-1,max=24" doc:"Highest zoom of web tiles. -1: about the resolution of the raster"`
	TileResampling     string `json:"tile_resampling" default:"nearest" validate:"oneof=nearest bilinear" doc:"Resampling of web tiles"`
	Stretch            string `json:"stretch" default:"auto" validate:"max=64" pattern:"^(auto|none|[-+.0-9eE]+,[-+.0-9eE]+)$" doc:"Values that web tiles show from black to white. auto: from the 2nd to the 98th percentile, but bytes as they are. none: 0 to 255. Or two values, as in 0,3000"`
	Strict             bool   `json:"strict" default:"false" doc:"Warnings of the validation are errors"`
	TaskLevels         int    `json:"task_levels" default:"0" validate:"min=0,max=5" doc:"Overview levels that a task makes itself. A task has 2 to the power of this rows and columns of tiles. 0: as few as storage allows"`
}

// ProcessRaster converts a GeoTIFF in storage to a cloud-optimized GeoTIFF in
// parallel tasks, of which none holds the raster.
var ProcessRaster = define.Define(define.Definition[ProcessRasterParams]{
	Description: "Convert a GeoTIFF to a cloud-optimized GeoTIFF",
	Stages: []define.Stage[ProcessRasterParams]{
		{
			Name: "preflight",
			Tasks: define.Single(
				h.RasterPreflight,
				func(ProcessRasterParams) h.RasterPreflightInput { return h.RasterPreflightInput{} },
			),
		},
		{
			Name:        "validate_geotiff",
			Tasks:       define.Single(h.ValidateGeotiff, processRasterValidation),
			UsesLineage: true,
		},
		{
			Name: "process_tile",
			Tasks: define.FanOut(
				h.ProcessTile, define.From("validate_geotiff", h.ValidateGeotiff), processRasterTiles,
			),
			UsesLineage: true,
			Bundle:      1, // a task runs for seconds, and any process may take it
		},
		{
			Name: "build_overviews",
			Tasks: define.FanIn(
				h.BuildOverviews,
				func(ProcessRasterParams) h.BuildOverviewsInput { return h.BuildOverviewsInput{} },
			),
		},
		{
			Name: "assemble_cog",
			Tasks: define.FanIn(
				h.AssembleCOG,
				func(ProcessRasterParams) h.AssembleCOGInput { return h.AssembleCOGInput{} },
			),
		},
		{
			Name: "verify_cog",
			Tasks: define.Single(
				h.VerifyCOG,
				func(ProcessRasterParams) h.VerifyCOGInput { return h.VerifyCOGInput{} },
			),
			UsesLineage: true,
		},
		{
			Name: "preview",
			Tasks: define.Single(
				h.RasterPreview,
				func(ProcessRasterParams) h.RasterPreviewInput { return h.RasterPreviewInput{} },
			),
			UsesLineage: true,
			SkipIf:      func(p ProcessRasterParams) bool { return p.PreviewSize == 0 },
		},
		{
			Name: "render_xyz",
			Tasks: define.FanOut(
				h.RenderXYZ, define.From("validate_geotiff", h.ValidateGeotiff), processRasterWebTiles,
			),
			DependsOn:   []string{"validate_geotiff", "verify_cog"},
			UsesLineage: true,
			SkipIf:      withoutWebTiles,
		},
		{
			Name: "write_tilejson",
			Tasks: define.FanIn(
				h.WriteTileJSON,
				func(ProcessRasterParams) h.WriteTileJSONInput { return h.WriteTileJSONInput{} },
			),
			SkipIf: withoutWebTiles,
		},
		{
			Name: "cleanup",
			Tasks: define.Single(
				h.RasterCleanup,
				func(ProcessRasterParams) h.RasterCleanupInput { return h.RasterCleanupInput{} },
			),
			UsesLineage: true,
			Finally:     true,
		},
	},
	Preflight: processRasterPreflight,
	Result:    processRasterResult,
	Show: []define.Display{
		define.Image("preview"), define.Table("web_tiles"), define.Table("statistics"), define.Table("report"),
	},
	Needs: []string{"Blobs"},
})

func processRasterValidation(p ProcessRasterParams) h.ValidateGeotiffInput {
	return h.ValidateGeotiffInput{
		Container: p.SourceContainer,
		Blob:      p.SourceBlob,
		Strict:    p.Strict,
		Options: &h.RasterOptions{
			Profile: p.Profile, Compression: p.Compression, Level: p.Level, Quality: p.Quality, Predictor: p.Predictor,
			BlockSize: p.BlockSize, Resampling: p.OverviewResampling, NoData: p.NoData, Sparse: p.Sparse,
			Statistics: p.Statistics, TaskLevels: p.TaskLevels,
			Tiles: p.Tiles, MinZoom: p.MinZoom, MaxZoom: p.MaxZoom,
			TileResampling: p.TileResampling, Stretch: p.Stretch,
		},
	}
}

func processRasterTiles(_ ProcessRasterParams, _ int, v h.ValidateGeotiffOutput) iter.Seq[h.ProcessTileInput] {
	return func(yield func(h.ProcessTileInput) bool) {
		if v.Plan == nil {
			return
		}

		for task := range v.Plan.Tasks {
			if !yield(h.ProcessTileInput{Task: task}) {
				return
			}
		}
	}
}

func withoutWebTiles(p ProcessRasterParams) bool { return p.Tiles != "xyz" }

func processRasterWebTiles(_ ProcessRasterParams, _ int, v h.ValidateGeotiffOutput) iter.Seq[h.RenderXYZInput] {
	return func(yield func(h.RenderXYZInput) bool) {
		if v.WebTiles == nil {
			return
		}

		for block := range v.WebTiles.Blocks() {
			if !yield(h.RenderXYZInput{Block: block}) {
				return
			}
		}
	}
}
