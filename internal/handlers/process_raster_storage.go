package handlers

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/semaphore"

	"coremachine/internal/raster/tiff"
	"coremachine/internal/state"
)

// blobSource reads one version of a blob by ranges.
type blobSource struct {
	blobs BlobReader
	blob  RasterBlob
}

// Size is part of tiff.Source.
func (s blobSource) Size() int64 { return s.blob.Size }

// ReadAt is part of tiff.Source.
func (s blobSource) ReadAt(ctx context.Context, p []byte, offset int64) error {
	return s.blobs.ReadAt(ctx, s.blob.Container, s.blob.Blob, s.blob.ETag, p, offset)
}

// rasterStore stages blocks of the output of a run, and keeps its scratch data
// in the same container.
type rasterStore struct {
	blobs Blobs
	run   RasterRun
	job   state.JobID
}

// blockID returns the id of a block in storage. The token keeps the blocks of
// two runs with the same output apart.
func (r RasterRun) blockID(id string) string { return r.Token + "-" + id }

func (s rasterStore) scratch(name string) string {
	return scratchPrefix(s.job) + s.run.Token + "/" + name
}

// Stage is part of cog.Stager.
func (s rasterStore) Stage(ctx context.Context, id string, data []byte) error {
	return outputError{s.blobs.Stage(ctx, s.run.Output.Container, s.run.Output.Blob, s.run.blockID(id), data)}.orNil()
}

// Put is part of cog.Scratch.
func (s rasterStore) Put(ctx context.Context, name string, data []byte) error {
	_, err := s.blobs.Put(ctx, s.run.Output.Container, s.scratch(name), data, WriteOptions{})
	return outputError{err}.orNil()
}

// Get is part of cog.Scratch.
func (s rasterStore) Get(ctx context.Context, name string) ([]byte, error) {
	info, err := s.blobs.Stat(ctx, s.run.Output.Container, s.scratch(name))
	if err != nil {
		return nil, outputError{err}
	}

	if info.Size > tiff.MaxBlockBytes {
		return nil, fmt.Errorf("scratch data %s have %d bytes, at most %d allowed", name, info.Size, tiff.MaxBlockBytes)
	}

	data := make([]byte, info.Size)
	err = s.blobs.ReadAt(ctx, s.run.Output.Container, s.scratch(name), info.ETag, data, 0)

	return data, outputError{err}.orNil()
}

// outputError marks an error of the output or the scratch data. Without the
// mark, an error is one of the source.
type outputError struct{ err error }

func (e outputError) Error() string { return e.err.Error() }
func (e outputError) Unwrap() error { return e.err }

func (e outputError) orNil() error {
	if e.err == nil {
		return nil
	}

	return e
}

// Codes of errors of a raster job that do not come from reading the raster.
const (
	codeSourceNotFound  = "source_not_found"
	codeSourceArchived  = "source_archived"
	codeSourceChanged   = "source_changed"
	codeOutputExists    = "output_exists"
	codeOutputConflict  = "output_conflict"
	codeForbidden       = "storage_forbidden"
	codeUnavailable     = "storage_unavailable"
	codeScratchMissing  = "scratch_missing"
	codeContainerAbsent = "container_not_found"
)

// rasterFault is an error with a code that programs can compare and a sentence
// for people.
func rasterFault(code, format string, args ...any) error {
	return Permanent(fmt.Errorf(code+": "+format, args...))
}

// rasterError converts an error of reading or writing a raster. Errors of the
// raster itself, and those of storage that last, are permanent.
func rasterError(run RasterRun, err error) error {
	if err == nil || IsPermanent(err) {
		return err
	}

	if code := tiff.CodeOf(err); code != "" {
		return Permanent(fmt.Errorf("%s: %w", code, err))
	}

	if _, ok := errors.AsType[outputError](err); ok {
		return outputFault(run, err)
	}

	return sourceFault(run.Source, err)
}

func sourceFault(source RasterBlob, err error) error {
	name := source.Container + "/" + source.Blob

	switch {
	case errors.Is(err, ErrNoBlob), errors.Is(err, ErrNoContainer):
		return rasterFault(codeSourceNotFound, "Blob '%s' does not exist: %w", name, err)
	case errors.Is(err, ErrBlobUnreadable):
		return rasterFault(codeSourceArchived, "Blob '%s' is in the Archive tier; rehydrate it first: %w", name, err)
	case errors.Is(err, ErrBlobChanged), errors.Is(err, ErrOutOfRange):
		return rasterFault(codeSourceChanged,
			"Blob '%s' changed while the job ran (its ETag was %s); submit again: %w", name, source.ETag, err)
	}

	return storageFault("Storage Blob Data Reader", err)
}

func outputFault(run RasterRun, err error) error {
	name := run.Output.Container + "/" + run.Output.Blob

	switch {
	case errors.Is(err, ErrNoContainer):
		return rasterFault(codeContainerAbsent, "Container '%s' does not exist; create it first: %w",
			run.Output.Container, err)
	case errors.Is(err, ErrNoBlob):
		return rasterFault(codeScratchMissing, "Scratch data of the job have been deleted; submit it again: %w", err)
	case errors.Is(err, ErrBlobExists):
		return rasterFault(codeOutputExists, "Output '%s' exists; set overwrite=true: %w", name, err)
	case errors.Is(err, ErrNoBlock), errors.Is(err, ErrBlobChanged), errors.Is(err, ErrBlockLimit):
		return rasterFault(codeOutputConflict, "Another writer committed '%s' while the job ran: %w", name, err)
	}

	return storageFault("Storage Blob Data Contributor", err)
}

// storageFault names the role that is missing, or leaves the error transient.
func storageFault(role string, err error) error {
	switch {
	case errors.Is(err, ErrNoStorage):
		return Permanent(err)
	case errors.Is(err, ErrStorageRejected):
		return rasterFault(codeForbidden, "Storage rejects the request; the identity of the app needs the role %s: %w",
			role, err)
	case errors.Is(err, ErrStorageBusy), errors.Is(err, ErrStorageUnreachable):
		return fmt.Errorf("%s: %w", codeUnavailable, err)
	}

	return err
}

// rasterMemory is the memory that all raster tasks of a process may use
// together. A task that needs more runs alone.
const rasterMemory = 144 << 20

// rasterSlots admits raster tasks. A process has more slots for handlers than
// memory for rasters.
var rasterSlots = semaphore.NewWeighted(rasterMemory)

// admitRaster waits until a task may use its memory, which is twice what is
// planned, because the collector frees memory late. At most as many tasks as
// CPUs run.
func admitRaster(ctx context.Context, planned int64) (release func(), err error) {
	need := max(2*(planned+16<<20), rasterMemory/int64(runtime.GOMAXPROCS(0)))
	need = min(need, rasterMemory)

	if err := rasterSlots.Acquire(ctx, need); err != nil {
		return nil, err
	}

	return func() { rasterSlots.Release(need) }, nil
}

// isOwn reports whether a block belongs to the run.
func (r RasterRun) isOwn(id string) bool { return strings.HasPrefix(id, r.Token+"-") }
