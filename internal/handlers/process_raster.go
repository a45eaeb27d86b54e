package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"time"

	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/state"
)

// Task types of the process_raster job.
const (
	RasterPreflight TaskType[RasterPreflightInput, RasterPreflightOutput] = "raster_preflight"
	ProcessTile     TaskType[ProcessTileInput, cog.TaskResult]            = "process_tile"
	BuildOverviews  TaskType[BuildOverviewsInput, BuildOverviewsOutput]   = "build_overviews"
	AssembleCOG     TaskType[AssembleCOGInput, AssembleCOGOutput]         = "assemble_cog"
	VerifyCOG       TaskType[VerifyCOGInput, VerifyCOGOutput]             = "verify_cog"
	RasterPreview   TaskType[RasterPreviewInput, RasterPreviewOutput]     = "raster_preview"
	RenderXYZ       TaskType[RenderXYZInput, RenderXYZOutput]             = "render_xyz"
	WriteTileJSON   TaskType[WriteTileJSONInput, WriteTileJSONOutput]     = "write_tilejson"
	RasterCleanup   TaskType[RasterCleanupInput, RasterCleanupOutput]     = "raster_cleanup"
)

// A task of a raster reads and writes storage for some seconds to minutes, and
// storage refuses requests under load for a while.
var rasterPolicy = []Option{Attempts(6), Timeout(9 * time.Minute), Needs("Blobs")}

// Stages of process_raster whose results later stages read.
const (
	rasterPreflightStage = "preflight"
	rasterValidateStage  = "validate_geotiff"
	rasterTilesStage     = "process_tile"
	rasterOverviewsStage = "build_overviews"
	rasterAssembleStage  = "assemble_cog"
	rasterTilesXYZStage  = "render_xyz"
)

// RasterOptions say how a COG is written. See the parameters of process_raster.
type RasterOptions struct {
	Profile     string `json:"profile"`
	Compression string `json:"compression"`
	Level       int    `json:"level"`
	Quality     int    `json:"quality"`
	Predictor   string `json:"predictor"`
	BlockSize   int    `json:"blocksize"`
	Resampling  string `json:"overview_resampling"`
	NoData      string `json:"nodata"`
	Sparse      bool   `json:"sparse"`
	Statistics  bool   `json:"statistics"`
	TaskLevels  int    `json:"task_levels"`

	Tiles          string `json:"tiles"` // "xyz" for web tiles
	MinZoom        int    `json:"min_zoom"`
	MaxZoom        int    `json:"max_zoom"`
	TileResampling string `json:"tile_resampling"`
	Stretch        string `json:"stretch"`
}

// cog returns the options of the profile with those that were given.
func (o RasterOptions) cog() (cog.Options, error) {
	out, err := cog.Profile(o.Profile)
	if err != nil {
		return out, err
	}

	if o.Compression != "" && o.Compression != out.Compression {
		out.Compression, out.Level, out.Quality = o.Compression, 0, 0
	}

	if o.Level != 0 {
		out.Level = o.Level
	}

	if o.Quality != 0 {
		out.Quality = o.Quality
	}

	out.Predictor, out.BlockSize, out.Resampling = o.Predictor, o.BlockSize, o.Resampling
	out.NoData, out.Sparse, out.Statistics = o.NoData, o.Sparse, o.Statistics
	out.TaskLevels = o.TaskLevels

	return out, nil
}

// rasterParams are the parameters of process_raster that handlers read.
type rasterParams struct {
	SourceContainer string `json:"source_container"`
	SourceBlob      string `json:"source_blob"`
	OutputContainer string `json:"output_container"`
	OutputBlob      string `json:"output_blob"`
	Overwrite       bool   `json:"overwrite"`
	PreviewSize     int    `json:"preview_size"`
}

// RasterBlob is one version of a blob. Without an ETag, it is a blob that does
// not exist.
type RasterBlob struct {
	Container string `json:"container"`
	Blob      string `json:"blob"`
	ETag      string `json:"etag"`
	Size      int64  `json:"size"`
}

// RasterRun is what all tasks of a run share: the version of the source, the
// output with the version to replace, and a token in the names of all blocks.
type RasterRun struct {
	Source RasterBlob `json:"source"`
	Output RasterBlob `json:"output"`
	Token  string     `json:"token"`
}

// RasterOutput returns the blob that a job writes.
func RasterOutput(id state.JobID, sourceContainer, sourceBlob, container, blob string) RasterBlob {
	if container == "" {
		container = sourceContainer
	}

	if blob == "" {
		blob = id.String()[:8] + "/" + withoutExt(path.Base(sourceBlob)) + ".tif"
	}

	return RasterBlob{Container: container, Blob: blob}
}

// withoutExt returns the name of a file without its extension.
func withoutExt(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

func (p rasterParams) output(id state.JobID) RasterBlob {
	return RasterOutput(id, p.SourceContainer, p.SourceBlob, p.OutputContainer, p.OutputBlob)
}

// scratchPrefix is the folder of the scratch data of a job.
func scratchPrefix(id state.JobID) string { return "scratch/" + id.String() + "/" }

// tokenOf returns a token that a run of a job does not share with another run. A
// retry of failed tasks continues the run.
func tokenOf(t Task) string {
	sum := sha256.Sum256([]byte(t.Key))
	return hex.EncodeToString(sum[:4])
}

// fenceOf returns the number in the ids of the blocks that an attempt stages. It
// differs between all attempts of a task, also of those before a retry, so that
// a late attempt cannot replace a block whose size is recorded. It has at most
// four digits, because all ids have the same length.
func fenceOf(t Task) int { return t.Gen%100*100 + min(t.Attempt, 99) }

// only returns the result of a stage that has one task.
func only[Out any](ctx context.Context, t Task, stage string) (out Out, err error) {
	for out, err := range Results[Out](ctx, t, stage) {
		return out, err
	}

	return out, Permanent(fmt.Errorf("stage %s has no result", stage))
}

// validated returns the result of the validation, which has the plan.
func validated(ctx context.Context, t Task) (ValidateGeotiffOutput, error) {
	out, err := only[ValidateGeotiffOutput](ctx, t, rasterValidateStage)
	if err == nil && (out.Plan == nil || out.Run == nil) {
		err = Permanent(fmt.Errorf("the result of stage %s has no plan", rasterValidateStage))
	}

	return out, err
}

// ProcessTileInput names a task of the plan.
type ProcessTileInput struct {
	Task int `json:"task"`
}

func processTile(ctx context.Context, t Task, in ProcessTileInput) (cog.TaskResult, error) {
	v, err := validated(ctx, t)
	if err != nil {
		return cog.TaskResult{}, err
	}

	release, err := admitRaster(ctx, v.Plan.TaskMemory)
	if err != nil {
		return cog.TaskResult{}, err
	}
	defer release()

	im, err := openRaster(ctx, t, v.Run.Source)
	if err != nil {
		return cog.TaskResult{}, err
	}

	store := rasterStore{t.Deps.Blobs, *v.Run, t.JobID}

	out, err := v.Plan.RunTask(ctx, im, in.Task, fenceOf(t), store, store)
	if err != nil {
		return cog.TaskResult{}, rasterError(*v.Run, err)
	}

	return *out, nil
}

func openRaster(ctx context.Context, t Task, source RasterBlob) (*tiff.Image, error) {
	f, err := tiff.Open(ctx, blobSource{t.Deps.Blobs, source})
	if err != nil {
		return nil, rasterError(RasterRun{Source: source}, err)
	}

	im, err := f.Main()

	return im, rasterError(RasterRun{Source: source}, err)
}

// BuildOverviewsInput is empty, because the task reads earlier results.
type BuildOverviewsInput struct{}

// BuildOverviewsOutput holds the levels above those of the tasks. Overviews is
// null if the tasks have made all levels.
type BuildOverviewsOutput struct {
	Overviews *cog.OverviewResult `json:"overviews"`
}

func buildOverviews(ctx context.Context, t Task, _ BuildOverviewsInput) (BuildOverviewsOutput, error) {
	v, err := validated(ctx, t)
	if err != nil || !v.Plan.NeedsOverviews() {
		return BuildOverviewsOutput{}, err
	}

	release, err := admitRaster(ctx, v.Plan.OverviewMemory)
	if err != nil {
		return BuildOverviewsOutput{}, err
	}
	defer release()

	store := rasterStore{t.Deps.Blobs, *v.Run, t.JobID}

	out, err := v.Plan.RunOverviews(ctx, fenceOf(t), store, store)
	if err != nil {
		return BuildOverviewsOutput{}, rasterError(*v.Run, err)
	}

	return BuildOverviewsOutput{Overviews: out}, nil
}
