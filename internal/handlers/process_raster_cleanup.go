package handlers

import (
	"context"
	"errors"
)

// RasterCleanupInput is empty, because the task reads earlier results.
type RasterCleanupInput struct{}

// RasterCleanupOutput counts what was removed.
type RasterCleanupOutput struct {
	Scratch   int  `json:"scratch"`   // blobs deleted
	Discarded bool `json:"discarded"` // uncommitted blocks of the output
}

// rasterCleanup removes the scratch data of a job, and the blocks of an output
// that was not committed. It runs after any outcome of the job.
func rasterCleanup(ctx context.Context, t Task, _ RasterCleanupInput) (RasterCleanupOutput, error) {
	var out RasterCleanupOutput

	p, err := Params[rasterParams](t)
	if err != nil {
		return out, err
	}

	run := RasterRun{Output: p.output(t.JobID)}

	for pre, err := range Results[RasterPreflightOutput](ctx, t, rasterPreflightStage) {
		if err != nil {
			return out, err
		}

		run = pre.Run
	}

	if out.Scratch, err = deleteScratch(ctx, t, run); err != nil {
		return out, err
	}

	if run.Token != "" {
		out.Discarded, err = discardOutput(ctx, t, run)
	}

	return out, err
}

func deleteScratch(ctx context.Context, t Task, run RasterRun) (deleted int, err error) {
	for page, err := range t.Deps.Blobs.Pages(ctx, run.Output.Container, scratchPrefix(t.JobID), 1000) {
		if errors.Is(err, ErrNoContainer) {
			return 0, nil
		}

		if err != nil {
			return deleted, storageFault("Storage Blob Data Contributor", err)
		}

		for _, b := range page {
			if err := t.Deps.Blobs.Delete(ctx, run.Output.Container, b.Name, ""); err != nil {
				return deleted, storageFault("Storage Blob Data Contributor", err)
			}

			deleted++
		}
	}

	return deleted, nil
}

// discardOutput removes the staged blocks if the output does not exist and all
// of them belong to this run. The blocks of an output that exists cannot be
// removed without a new version of it; storage removes them after a week.
func discardOutput(ctx context.Context, t Task, run RasterRun) (bool, error) {
	list, err := t.Deps.Blobs.Blocks(ctx, run.Output.Container, run.Output.Blob)
	if errors.Is(err, ErrNoBlob) || errors.Is(err, ErrNoContainer) {
		return false, nil
	}

	if err != nil {
		return false, storageFault("Storage Blob Data Contributor", err)
	}

	if len(list.Committed) > 0 || len(list.Uncommitted) == 0 {
		return false, nil
	}

	for _, b := range list.Uncommitted {
		if !run.isOwn(b.ID) {
			return false, nil
		}
	}

	if err := t.Deps.Blobs.Discard(ctx, run.Output.Container, run.Output.Blob); err != nil {
		return false, storageFault("Storage Blob Data Contributor", err)
	}

	return true, nil
}
