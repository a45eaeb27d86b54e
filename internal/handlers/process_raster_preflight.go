package handlers

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// RasterPreflightInput is empty, because the task reads the parameters.
type RasterPreflightInput struct{}

// RasterPreflightOutput pins the source and the output for all later tasks.
type RasterPreflightOutput struct {
	Run      RasterRun `json:"run"`
	Siblings []string  `json:"siblings"` // files with the name of the source that the job does not read
}

// maxSource is the maximum size of a source in bytes.
const maxSource = 200 << 30

// siblingEnds are the ends of names of files that belong to a raster.
var siblingEnds = []string{".ovr", ".aux.xml", ".msk", ".tfw", ".tifw", ".wld", ".prj"}

func rasterPreflight(ctx context.Context, t Task, _ RasterPreflightInput) (RasterPreflightOutput, error) {
	var out RasterPreflightOutput

	p, err := Params[rasterParams](t)
	if err != nil {
		return out, err
	}

	run := RasterRun{
		Source: RasterBlob{Container: p.SourceContainer, Blob: p.SourceBlob},
		Output: p.output(t.JobID),
		Token:  tokenOf(t),
	}

	if run.Source.Container == run.Output.Container && run.Source.Blob == run.Output.Blob {
		return out, rasterFault(codeOutputConflict, "The output is the source")
	}

	if err := pinSource(ctx, t, &run.Source); err != nil {
		return out, err
	}

	if err := pinOutput(ctx, t, &run, p.Overwrite); err != nil {
		return out, err
	}

	out.Run = run
	if out.Siblings, err = siblings(ctx, t, run.Source); err != nil {
		return out, sourceFault(run.Source, err)
	}

	return out, nil
}

func pinSource(ctx context.Context, t Task, source *RasterBlob) error {
	info, err := t.Deps.Blobs.Stat(ctx, source.Container, source.Blob)
	if errors.Is(err, ErrNoBlob) {
		return rasterFault(codeSourceNotFound, "Blob '%s/%s' does not exist. %s",
			source.Container, source.Blob, nearest(ctx, t, *source))
	}

	if err != nil {
		return sourceFault(*source, err)
	}

	if info.Archived {
		return sourceFault(*source, ErrBlobUnreadable)
	}

	if info.Size > maxSource {
		return rasterFault("raster_too_large", "The source has %d bytes, at most %d allowed",
			info.Size, int64(maxSource))
	}

	source.ETag, source.Size = info.ETag, info.Size

	return nil
}

// nearest names up to three blobs in the folder of a blob that does not exist.
func nearest(ctx context.Context, t Task, missing RasterBlob) string {
	folder := missing.Blob[:strings.LastIndexByte(missing.Blob, '/')+1]
	stem := withoutExt(missing.Blob)
	prefixes := []string{stem, folder + stemStart(missing.Blob), folder}

	var names []string

	for _, prefix := range prefixes {
		for page, err := range t.Deps.Blobs.Pages(ctx, missing.Container, prefix, 100) {
			if err != nil {
				break
			}

			for _, b := range page {
				if !slices.Contains(names, b.Name) && len(names) < 3 {
					names = append(names, b.Name)
				}
			}

			break
		}
	}

	if len(names) == 0 {
		return "There is no blob with a similar name."
	}

	return fmt.Sprintf("Nearest names: %s", strings.Join(names, ", "))
}

// stemStart returns the first characters of the name of a file.
func stemStart(name string) string {
	base := path.Base(name)
	return base[:min(len(base), 3)]
}

// pinOutput records the version of the output that the job replaces, and writes
// a blob next to it to find a missing permission now.
func pinOutput(ctx context.Context, t Task, run *RasterRun, overwrite bool) error {
	info, err := t.Deps.Blobs.Stat(ctx, run.Output.Container, run.Output.Blob)

	switch {
	case errors.Is(err, ErrNoBlob):
	case err != nil:
		return outputFault(*run, err)
	case !overwrite:
		return outputFault(*run, ErrBlobExists)
	default:
		run.Output.ETag, run.Output.Size = info.ETag, info.Size
	}

	probe := scratchPrefix(t.JobID) + "probe"

	_, err = t.Deps.Blobs.Put(ctx, run.Output.Container, probe, []byte("probe"), WriteOptions{})
	if err != nil {
		return outputFault(*run, err)
	}

	return nil
}

// siblings lists files next to the source that belong to it. The job does not
// read them.
func siblings(ctx context.Context, t Task, source RasterBlob) ([]string, error) {
	stem := withoutExt(source.Blob)
	found := []string{}

	for page, err := range t.Deps.Blobs.Pages(ctx, source.Container, stem, 100) {
		if err != nil {
			return nil, err
		}

		for _, b := range page {
			isSibling := func(end string) bool {
				return b.Name == source.Blob+end || b.Name == stem+end
			}
			if slices.ContainsFunc(siblingEnds, isSibling) {
				found = append(found, b.Name)
			}
		}

		break
	}

	return found, nil
}
