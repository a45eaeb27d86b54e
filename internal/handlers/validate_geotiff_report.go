package handlers

import (
	"context"
	"strings"

	"coremachine/internal/raster/geo"
	"coremachine/internal/raster/tiff"
)

// RasterReport describes a GeoTIFF. Errors are the reasons why it cannot be
// used. Its validation says whether it is a COG already.
type RasterReport struct {
	Valid    bool     `json:"valid"`
	Errors   []string `json:"errors"` // each begins with its code
	Warnings []string `json:"warnings"`
	geo.Report
}

// sampledLeaders is the number of tiles whose structure a report looks at.
const sampledLeaders = 64

// newReport describes a file, and adds what is wrong with its position.
func newReport(ctx context.Context, f *tiff.File) (RasterReport, error) {
	described, err := geo.Describe(ctx, f, geo.ValidateOptions{Leaders: sampledLeaders})
	if err != nil {
		return RasterReport{}, err
	}

	r := RasterReport{Report: *described}

	r.Warnings, err = described.CheckPosition(geo.Allow{})
	if code := tiff.CodeOf(err); code != "" {
		r.Errors = append(r.Errors, string(code)+": "+err.Error())
		err = nil
	}

	return r, err
}

// addSiblings adds what files next to the file mean for it.
func (r *RasterReport) addSiblings(names []string) {
	for _, name := range names {
		r.Warnings = append(r.Warnings, "File "+name+" is not read")

		if strings.HasSuffix(name, ".ovr") {
			r.Validation.Errors = append(r.Validation.Errors,
				"Overviews are in the separate file "+name+"; those of a COG are inside")
		}
	}
}

// settle decides whether the file is valid.
func (r *RasterReport) settle(strict bool) {
	if strict {
		r.Errors = append(r.Errors, r.Warnings...)
		r.Warnings = nil
	}

	r.Errors, r.Warnings = notNil(r.Errors), notNil(r.Warnings)
	r.Validation.Errors, r.Validation.Warnings = notNil(r.Validation.Errors), notNil(r.Validation.Warnings)
	r.Valid = len(r.Errors) == 0
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}

	return list
}
