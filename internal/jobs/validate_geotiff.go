package jobs

import (
	"context"
	"encoding/json"
	"iter"

	h "coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// ValidateGeotiffParams are the parameters of ValidateGeotiff.
type ValidateGeotiffParams struct {
	Container string `json:"container" validate:"required,min=3,max=63" pattern:"^[a-z0-9](-?[a-z0-9])+$" doc:"Container of the files"`
	Prefix    string `json:"prefix" validate:"max=1024" doc:"The name of one file, or the start of the names of several. Files with other extensions than tif, tiff and gtiff are left out"`
	Strict    bool   `json:"strict" default:"false" doc:"Warnings are errors"`
	Limit     int    `json:"limit" default:"1000" validate:"min=1,max=100000" doc:"Maximum number of files, in order of their names"`
}

// ValidateGeotiff reports on GeoTIFF files, each in a task of its own.
var ValidateGeotiff = define.Define(define.Definition[ValidateGeotiffParams]{
	Description: "Validate GeoTIFF files, and report what is in them",
	Stages: []define.Stage[ValidateGeotiffParams]{
		{
			Name: "list",
			Tasks: define.Single(h.ListGeotiffs, func(p ValidateGeotiffParams) h.ListGeotiffsInput {
				return h.ListGeotiffsInput{Container: p.Container, Prefix: p.Prefix, Limit: p.Limit}
			}),
		},
		{
			Name: "validate_geotiff",
			Tasks: define.FanOut(
				h.ValidateGeotiff, define.FromParts[h.BlobPage]("list"), validateGeotiffInputs,
			),
		},
	},
	Preflight: func(ctx context.Context, p ValidateGeotiffParams, deps h.Deps) error {
		return containerListPreflight(ctx, ContainerListParams{Container: p.Container, Prefix: p.Prefix}, deps)
	},
	Result: validateGeotiffResult,
	Show:   []define.Display{define.Table("files")},
	Needs:  []string{"Blobs"},
})

func validateGeotiffInputs(p ValidateGeotiffParams, _ int, page h.BlobPage) iter.Seq[h.ValidateGeotiffInput] {
	return func(yield func(h.ValidateGeotiffInput) bool) {
		for _, b := range page.Blobs {
			if !yield(h.ValidateGeotiffInput{Container: p.Container, Blob: b.Name, Strict: p.Strict}) {
				return
			}
		}
	}
}

// ValidateGeotiffResult counts the files, and has a row for each of the first
// ones.
type ValidateGeotiffResult struct {
	Total     int                  `json:"total"`
	Valid     int                  `json:"valid"`
	Truncated bool                 `json:"truncated"` // the listing stopped at the limit
	Omitted   int                  `json:"omitted"`   // files without a row
	Files     []ValidateGeotiffRow `json:"files"`
}

// ValidateGeotiffRow is the report on one file.
type ValidateGeotiffRow struct {
	Blob     string   `json:"blob"`
	Valid    bool     `json:"valid"`
	Problems []string `json:"problems"` // errors, then warnings
	Width    int      `json:"width"`
	Height   int      `json:"height"`
	Bands    int      `json:"bands"`
	Type     string   `json:"type"`
	EPSG     int      `json:"epsg"` // 0: none, or one that the file defines itself
	COG      bool     `json:"cog"`  // a cloud-optimized GeoTIFF already
	Size     int64    `json:"size"`
}

// validateGeotiffRoom is the maximum size of the rows in a result.
const validateGeotiffRoom = state.MaxResult - 4096

func validateGeotiffResult(ctx context.Context, _ ValidateGeotiffParams, r define.Results) (any, error) {
	out := ValidateGeotiffResult{Files: []ValidateGeotiffRow{}}

	for list, err := range define.Of[h.ListGeotiffsOutput](ctx, r, "list") {
		if err != nil {
			return nil, err
		}

		out.Truncated = list.Truncated
	}

	room := validateGeotiffRoom

	for v, err := range define.Of[h.ValidateGeotiffOutput](ctx, r, "validate_geotiff") {
		if err != nil {
			return nil, err
		}

		out.Total++
		if v.Report.Valid {
			out.Valid++
		}

		row := ValidateGeotiffRow{
			Blob: v.Blob, Valid: v.Report.Valid, Problems: append(v.Report.Errors, v.Report.Warnings...),
			Width: v.Report.Width, Height: v.Report.Height, Bands: v.Report.Bands, Type: v.Report.Type.String(),
			EPSG: v.Report.CRS.EPSG, Size: v.Report.Size,
			COG: len(v.Report.Validation.Errors) == 0 && v.Report.Width > 0,
		}

		text, err := json.Marshal(row)
		if err != nil {
			return nil, err
		}

		if room -= len(text) + 1; room < 0 {
			out.Omitted++
			continue
		}

		out.Files = append(out.Files, row)
	}

	return out, nil
}
