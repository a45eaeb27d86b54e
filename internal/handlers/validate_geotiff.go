package handlers

import (
	"context"
	"errors"
	"strings"

	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/raster/xyz"
)

// Task types of the validate_geotiff job. process_raster has ValidateGeotiff
// too.
const (
	ListGeotiffs    TaskType[ListGeotiffsInput, ListGeotiffsOutput]       = "list_geotiffs"
	ValidateGeotiff TaskType[ValidateGeotiffInput, ValidateGeotiffOutput] = "validate_geotiff"
)

// ListGeotiffsInput selects the blobs to validate.
type ListGeotiffsInput struct {
	Container string `json:"container"`
	Prefix    string `json:"prefix"`
	Limit     int    `json:"limit"`
}

// ListGeotiffsOutput counts the blobs. Their names are in its parts.
type ListGeotiffsOutput struct {
	Blobs     int  `json:"blobs"`
	Truncated bool `json:"truncated"` // the listing stopped at the limit
}

func listGeotiffs(ctx context.Context, t Task, in ListGeotiffsInput) (ListGeotiffsOutput, error) {
	var out ListGeotiffsOutput

	for page, err := range t.Deps.Blobs.Pages(ctx, in.Container, in.Prefix, MaxPage) {
		if err != nil {
			return out, lasting(err)
		}

		kept := page[:0]

		for _, b := range page {
			if !isGeotiff(b.Name) && b.Name != in.Prefix {
				continue
			}

			if out.Blobs == in.Limit {
				out.Truncated = true
				break
			}

			out.Blobs++

			kept = append(kept, b)
		}

		if err := emitBlobs(ctx, t, kept); err != nil || out.Truncated {
			return out, err
		}
	}

	return out, nil
}

func isGeotiff(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasSuffix(lower, ".tif") || strings.HasSuffix(lower, ".tiff") || strings.HasSuffix(lower, ".gtiff")
}

// ValidateGeotiffInput names the file to validate. With Options, the task makes
// the plan of process_raster, whose preflight has pinned the file.
type ValidateGeotiffInput struct {
	Container string         `json:"container"`
	Blob      string         `json:"blob"`
	Strict    bool           `json:"strict"` // warnings are errors
	Options   *RasterOptions `json:"options,omitzero"`
}

// ValidateGeotiffOutput is the report on a file. Plan, WebTiles and Run are for
// the later stages of process_raster.
type ValidateGeotiffOutput struct {
	Blob     string       `json:"blob"`
	Report   RasterReport `json:"report"`
	Plan     *cog.Plan    `json:"plan,omitzero"`
	WebTiles *xyz.Plan    `json:"web_tiles,omitzero"` // if they are wanted
	Run      *RasterRun   `json:"run,omitzero"`
}

func validateGeotiff(ctx context.Context, t Task, in ValidateGeotiffInput) (ValidateGeotiffOutput, error) {
	if in.Options != nil {
		return planRaster(ctx, t, in)
	}

	out := ValidateGeotiffOutput{Blob: in.Blob}

	info, err := t.Deps.Blobs.Stat(ctx, in.Container, in.Blob)
	source := RasterBlob{in.Container, in.Blob, info.ETag, info.Size}

	if err == nil {
		_, out.Report, err = readReport(ctx, t, source)
	}

	if err == nil {
		var unread []string

		unread, err = siblings(ctx, t, source)
		out.Report.addSiblings(unread)
	}

	err = rasterError(RasterRun{Source: source}, err)
	if err != nil && !IsPermanent(err) {
		return out, err
	}

	if err != nil {
		out.Report.Errors = append(out.Report.Errors, err.Error())
	}

	out.Report.settle(in.Strict)

	return out, nil
}

// planRaster validates the source of process_raster. Errors end the job.
func planRaster(ctx context.Context, t Task, in ValidateGeotiffInput) (ValidateGeotiffOutput, error) {
	out := ValidateGeotiffOutput{Blob: in.Blob}

	pre, err := only[RasterPreflightOutput](ctx, t, rasterPreflightStage)
	if err != nil {
		return out, err
	}

	out.Run = &pre.Run

	im, report, err := readReport(ctx, t, out.Run.Source)
	if err != nil {
		return out, rasterError(*out.Run, err)
	}

	out.Report = report
	out.Report.addSiblings(pre.Siblings)
	out.Report.settle(in.Strict)

	if !out.Report.Valid {
		return out, Permanent(errors.New(strings.Join(out.Report.Errors, "; ")))
	}

	options, err := in.Options.cog()
	if err == nil {
		out.Plan, err = cog.NewPlan(im, options)
	}

	if err == nil && in.Options.Tiles == "xyz" {
		out.WebTiles, err = xyz.NewPlan(&report.Report, im, in.Options.Statistics, xyz.Options{
			MinZoom: in.Options.MinZoom, MaxZoom: in.Options.MaxZoom,
			Resampling: in.Options.TileResampling, Stretch: in.Options.Stretch,
		})
	}

	return out, rasterError(*out.Run, err)
}

// readReport opens a file and describes it. An error means that the file cannot
// be read at all.
func readReport(ctx context.Context, t Task, source RasterBlob) (*tiff.Image, RasterReport, error) {
	f, err := tiff.Open(ctx, blobSource{t.Deps.Blobs, source})
	if err != nil {
		return nil, RasterReport{}, err
	}

	report, err := newReport(ctx, f)
	if err != nil {
		return nil, report, err
	}

	im, err := f.Main()

	return im, report, err
}
