package handlers

import (
	"context"
	"errors"
	"iter"
	"strings"

	"coremachine/internal/raster/cog"
)

// AssembleCOGInput is empty, because the task reads earlier results.
type AssembleCOGInput struct{}

// AssembleCOGOutput describes the committed blob.
type AssembleCOGOutput struct {
	Blob   RasterBlob `json:"blob"`
	Blocks int        `json:"blocks"`
	COG    cog.Output `json:"cog"`
}

// cogContentType is the content type of the output.
const cogContentType = "image/tiff; application=geotiff; profile=cloud-optimized"

func assembleCOG(ctx context.Context, t Task, _ AssembleCOGInput) (AssembleCOGOutput, error) {
	v, err := validated(ctx, t)
	if err != nil {
		return AssembleCOGOutput{}, err
	}

	overviews, err := overviewsOf(ctx, t)
	if err != nil {
		return AssembleCOGOutput{}, err
	}

	im, err := openRaster(ctx, t, v.Run.Source)
	if err != nil {
		return AssembleCOGOutput{}, err
	}

	out, err := v.Plan.Assemble(ctx, im, tileResults(ctx, t), overviews)
	if err != nil {
		return AssembleCOGOutput{}, rasterError(*v.Run, err)
	}

	if got := len(out.Blocks) + 1; got > MaxBlocks {
		return AssembleCOGOutput{}, rasterFault("raster_too_large", "%d blocks needed, %d allowed", got, MaxBlocks)
	}

	blob, err := commitCOG(ctx, t, *v.Run, out)
	if err != nil {
		return AssembleCOGOutput{}, err
	}

	return AssembleCOGOutput{Blob: blob, Blocks: len(out.Blocks) + 1, COG: *out}, nil
}

func overviewsOf(ctx context.Context, t Task) (*cog.OverviewResult, error) {
	out, err := only[BuildOverviewsOutput](ctx, t, rasterOverviewsStage)

	return out.Overviews, err
}

func tileResults(ctx context.Context, t Task) iter.Seq2[*cog.TaskResult, error] {
	return func(yield func(*cog.TaskResult, error) bool) {
		for r, err := range Results[cog.TaskResult](ctx, t, rasterTilesStage) {
			if !yield(&r, err) {
				return
			}
		}
	}
}

// commitCOG commits the blocks that the tasks have staged, behind the header. A
// repeated call finds what the first one has committed.
func commitCOG(ctx context.Context, t Task, run RasterRun, out *cog.Output) (RasterBlob, error) {
	done, err := committed(ctx, t, run, out)
	if err != nil || done.ETag != "" {
		return done, err
	}

	header := run.blockID(cog.HeaderID(fenceOf(t)))

	ids := make([]string, 0, len(out.Blocks)+1)
	ids = append(ids, header)

	for _, b := range out.Blocks {
		ids = append(ids, run.blockID(b.ID))
	}

	blobs := t.Deps.Blobs
	if err := blobs.Stage(ctx, run.Output.Container, run.Output.Blob, header, out.Header); err != nil {
		return RasterBlob{}, outputFault(run, err)
	}

	_, err = blobs.Commit(ctx, run.Output.Container, run.Output.Blob, ids, WriteOptions{
		ContentType: cogContentType,
		IfAbsent:    run.Output.ETag == "",
		IfMatch:     run.Output.ETag,
	})

	lost := errors.Is(err, ErrBlobExists) || errors.Is(err, ErrBlobChanged)
	if err != nil && !lost {
		return RasterBlob{}, outputFault(run, err)
	}

	// If the answer to an earlier commit was lost, its blob is in the way of
	// this one.
	done, err = committed(ctx, t, run, out)
	if err == nil && done.ETag == "" {
		err = outputFault(run, ErrBlobChanged)
	}

	return done, err
}

// committed returns the output if this run has committed it. Otherwise it checks
// that all blocks are staged with the sizes that the tasks recorded.
func committed(ctx context.Context, t Task, run RasterRun, out *cog.Output) (RasterBlob, error) {
	list, err := t.Deps.Blobs.Blocks(ctx, run.Output.Container, run.Output.Blob)
	if errors.Is(err, ErrNoBlob) {
		err = ErrNoBlock
	}

	if err != nil {
		return RasterBlob{}, outputFault(run, err)
	}

	if !run.hasCommitted(list.Committed, out) {
		return RasterBlob{}, run.haveStaged(list, out)
	}

	info, err := t.Deps.Blobs.Stat(ctx, run.Output.Container, run.Output.Blob)
	if err != nil {
		return RasterBlob{}, outputFault(run, err)
	}

	if info.Size != out.Size {
		return RasterBlob{}, rasterFault("invalid_cog", "The output has %d bytes, want %d", info.Size, out.Size)
	}

	return RasterBlob{run.Output.Container, run.Output.Blob, info.ETag, info.Size}, nil
}

func (r RasterRun) hasCommitted(list []Block, out *cog.Output) bool {
	headers := strings.TrimRight(r.blockID(cog.HeaderID(0)), "0")

	if len(list) != len(out.Blocks)+1 || !strings.HasPrefix(list[0].ID, headers) {
		return false
	}

	for i, b := range out.Blocks {
		if list[i+1] != (Block{r.blockID(b.ID), b.Size}) {
			return false
		}
	}

	return true
}

func (r RasterRun) haveStaged(list BlockList, out *cog.Output) error {
	sizes := make(map[string]int64, len(list.Uncommitted))
	for _, b := range list.Uncommitted {
		sizes[b.ID] = b.Size
	}

	for _, b := range out.Blocks {
		if size, ok := sizes[r.blockID(b.ID)]; !ok || size != b.Size {
			return rasterFault(codeOutputConflict,
				"Staged block %s is gone or has another size: another writer committed '%s/%s', or a week has passed",
				b.ID, r.Output.Container, r.Output.Blob)
		}
	}

	return nil
}
