package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	h "coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

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

	if p.MinZoom >= 0 && p.MaxZoom >= 0 && p.MinZoom > p.MaxZoom {
		return define.Field("min_zoom", fmt.Sprintf("%d is above max_zoom, which is %d", p.MinZoom, p.MaxZoom))
	}

	ctx, cancel := context.WithTimeout(ctx, processRasterPatience)
	defer cancel()

	info, err := deps.Blobs.Stat(ctx, p.SourceContainer, p.SourceBlob)

	problem := containerProblem("source_container", "read", p.SourceContainer, err)

	switch {
	case problem != nil:
		return problem
	case errors.Is(err, h.ErrNoBlob):
		return define.Field("source_blob", fmt.Sprintf("blob %q does not exist in container %q",
			p.SourceBlob, p.SourceContainer))
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
