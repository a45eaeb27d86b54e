package jobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	h "coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/raster/cog"
	"coremachine/internal/state"
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
	Show:      []define.Display{define.Image("preview"), define.Table("statistics"), define.Table("report")},
	Needs:     []string{"Blobs"},
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

// processRasterPatience limits the preflight check, because a client waits for
// its answer.
const processRasterPatience = 10 * time.Second

// processRasterPreflight checks the names, and whether the source exists. The
// first stage checks the rest.
func processRasterPreflight(ctx context.Context, p ProcessRasterParams, deps h.Deps) error {
	for field, name := range map[string]string{"source_blob": p.SourceBlob, "output_blob": p.OutputBlob} {
		if err := checkBlobName(field, name); err != nil {
			return err
		}
	}

	sameContainer := p.OutputContainer == "" || p.OutputContainer == p.SourceContainer
	if sameContainer && p.OutputBlob == p.SourceBlob {
		return define.Field("output_blob", "is the source: the output needs another name")
	}

	ctx, cancel := context.WithTimeout(ctx, processRasterPatience)
	defer cancel()

	info, err := deps.Blobs.Stat(ctx, p.SourceContainer, p.SourceBlob)

	switch {
	case errors.Is(err, h.ErrNoBlob):
		return define.Field("source_blob", fmt.Sprintf("blob %q does not exist in container %q",
			p.SourceBlob, p.SourceContainer))
	case errors.Is(err, h.ErrNoContainer):
		return define.Field("source_container", fmt.Sprintf("there is no container %q in the storage account",
			p.SourceContainer))
	case errors.Is(err, h.ErrStorageRejected), errors.Is(err, h.ErrNoStorage):
		return define.Field("source_container", fmt.Sprintf("%q cannot be read: %v", p.SourceContainer, err))
	case err != nil:
		return state.Wrap(state.CodeUnavailable, "jobs.processRasterPreflight",
			"storage cannot be read now; try again later", err)
	case info.Archived:
		return define.Field("source_blob", "the blob is in the Archive tier; rehydrate it first")
	}

	return nil
}

// checkBlobName rejects names that clients of storage treat as paths.
func checkBlobName(field, name string) error {
	if name == "" {
		return nil
	}

	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return define.Field(field, fmt.Sprintf("%q has an empty segment, . or .. between slashes", name))
		}
	}

	return nil
}

// ProcessRasterResult is the result of ProcessRaster.
type ProcessRasterResult struct {
	Output     ProcessRasterOutput `json:"output"`
	Preview    *h.Picture          `json:"preview"`
	Statistics []BandStatistics    `json:"statistics"`
	Report     h.RasterReport      `json:"report"` // on the source
	Verified   h.VerifyCOGOutput   `json:"verified"`
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

	return out, nil
}
