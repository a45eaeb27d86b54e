package cog

import (
	"slices"

	"coremachine/internal/raster/tiff"
)

// Values of Options.
const (
	Deflate = "deflate"
	Zstd    = "zstd"
	JPEG    = "jpeg"
	None    = "none" // as compression and as predictor

	Auto       = "auto" // as predictor and as resampling
	Horizontal = "horizontal"
	Float      = "float"

	Average = "average"
	Nearest = "nearest"
)

// Options says how the output is written. The zero value of a field is its
// default.
type Options struct {
	Compression string `json:"compression,omitempty"` // Deflate by default
	Level       int    `json:"level,omitempty"`       // deflate 1-9 (6), zstd 1-19 (3)
	Quality     int    `json:"quality,omitempty"`     // jpeg 1-100 (80)
	Predictor   string `json:"predictor,omitempty"`   // Auto by default
	BlockSize   int    `json:"blocksize,omitempty"`   // 128, 256, 512 (default) or 1024
	Resampling  string `json:"resampling,omitempty"`  // Auto: Nearest for a palette, else Average
	NoData      string `json:"nodata,omitempty"`      // a number or nan; by default that of the source
	Sparse      bool   `json:"sparse,omitempty"`      // leave out tiles without data
	Statistics  bool   `json:"statistics,omitempty"`

	// TaskLevels fixes the size of tasks: 2^n tiles in each direction, which
	// make n overview levels. 0 chooses the smallest of 3, 4 and 5 that is
	// within the limits.
	TaskLevels int `json:"task_levels,omitempty"`

	Limits Limits `json:"limits,omitzero"`
}

// Limits bound a plan. The zero value of a field is its default.
type Limits struct {
	RawBytes   int64 `json:"raw_bytes,omitempty"`   // of the decoded raster: 1 TB
	Side       int   `json:"side,omitempty"`        // pixels: 1,000,000
	Bands      int   `json:"bands,omitempty"`       // 64
	Blocks     int   `json:"blocks,omitempty"`      // staged for the output: 45,000
	Tasks      int   `json:"tasks,omitempty"`       // 10,000
	TaskMemory int64 `json:"task_memory,omitempty"` // bytes: 256 MiB
}

func (l Limits) withDefaults() Limits {
	set := func(v *int64, to int64) {
		if *v == 0 {
			*v = to
		}
	}
	setInt := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}

	set(&l.RawBytes, 1e12)
	setInt(&l.Side, 1_000_000)
	setInt(&l.Bands, 64)
	setInt(&l.Blocks, 45_000)
	setInt(&l.Tasks, 10_000)
	set(&l.TaskMemory, 256<<20)

	return l
}

// ProfileNames are the names that Profile accepts.
var ProfileNames = []string{"analysis", "visualization", "archive", "raw"}

// Profile returns the options of a named profile.
func Profile(name string) (Options, error) {
	switch name {
	case "analysis":
		return Options{Compression: Deflate, Level: 6, Statistics: true}, nil
	case "visualization":
		return Options{Compression: JPEG, Quality: 80, Statistics: true}, nil
	case "archive":
		return Options{Compression: Zstd, Level: 9, Statistics: true}, nil
	case "raw":
		return Options{Compression: None, Statistics: true}, nil
	default:
		return Options{}, tiff.Errorf(tiff.CodeInvalid, "Profile %q does not exist; use one of %v", name, ProfileNames)
	}
}

// resolve returns the options without defaults and Auto, checked against the
// source.
func (o Options) resolve(im *tiff.Image) (Options, error) {
	o.Limits = o.Limits.withDefaults()

	if o.BlockSize == 0 {
		o.BlockSize = 512
	}

	if !slices.Contains([]int{128, 256, 512, 1024}, o.BlockSize) {
		return o, tiff.Errorf(tiff.CodeInvalid, "blocksize is %d, want 128, 256, 512 or 1024", o.BlockSize)
	}

	if o.TaskLevels < 0 || o.TaskLevels > maxTaskLevels {
		return o, tiff.Errorf(tiff.CodeInvalid, "task_levels is %d, want 0 to %d", o.TaskLevels, maxTaskLevels)
	}

	if err := o.resolveCompression(im); err != nil {
		return o, err
	}

	if err := o.resolvePredictor(im); err != nil {
		return o, err
	}

	if o.Resampling == "" || o.Resampling == Auto {
		o.Resampling = Average
		if im.Photometric == tiff.Palette {
			o.Resampling = Nearest
		}
	}

	switch {
	case o.Resampling != Average && o.Resampling != Nearest:
		return o, tiff.Errorf(tiff.CodeInvalid, "resampling is %q, want auto, average or nearest", o.Resampling)
	case o.Resampling == Average && im.Photometric == tiff.Palette:
		return o, tiff.Errorf(tiff.CodeInvalid, "Numbers of a palette have no average; use nearest")
	}

	if o.NoData == "" {
		o.NoData = im.NoData
	} else if _, representable := im.Type.Parse(o.NoData); !representable {
		return o, tiff.Errorf(tiff.CodeInvalid, "nodata %q cannot be represented in bands of %s", o.NoData, im.Type)
	}

	return o, nil
}

func (o *Options) resolveCompression(im *tiff.Image) error {
	if o.Compression == "" {
		o.Compression = Deflate
	}

	lowest, highest := 0, 0

	switch o.Compression {
	case None:
		o.Level = 0
	case Deflate:
		lowest, highest = 1, 9
		o.Level = defaulted(o.Level, 6)
	case Zstd:
		lowest, highest = 1, 19
		o.Level = defaulted(o.Level, 3)
	case JPEG:
		o.Level = 0
		o.Quality = defaulted(o.Quality, 80)

		return o.checkJPEG(im)
	default:
		return tiff.Errorf(tiff.CodeInvalid, "compression is %q, want deflate, zstd, jpeg or none", o.Compression)
	}

	o.Quality = 0

	if o.Level < lowest || o.Level > highest {
		return tiff.Errorf(tiff.CodeInvalid, "level is %d, want %d to %d for %s",
			o.Level, lowest, highest, o.Compression)
	}

	return nil
}

func defaulted(v, missing int) int {
	if v == 0 {
		return missing
	}

	return v
}

func (o *Options) checkJPEG(im *tiff.Image) error {
	// No pixel has a nodata value that bytes cannot represent.
	_, declared := im.NoDataBits()

	switch {
	case o.Quality < 1 || o.Quality > 100:
		return tiff.Errorf(tiff.CodeInvalid, "quality is %d, want 1 to 100", o.Quality)
	case im.Type != tiff.Uint8 || im.Bands != 1 && im.Bands != 3:
		return tiff.Errorf(tiff.CodeInvalid, "jpeg needs 1 or 3 bands of uint8, the source has %d of %s; use deflate",
			im.Bands, im.Type)
	case im.Photometric == tiff.Palette:
		return tiff.Errorf(tiff.CodeInvalid, "jpeg would change the numbers of a palette; use deflate")
	case im.Photometric == tiff.WhiteIsZero:
		return tiff.Errorf(tiff.CodeInvalid, "jpeg cannot store bands in which white is zero; use deflate")
	case o.NoData != "" || declared:
		return tiff.Errorf(tiff.CodeInvalid, "jpeg would change pixels without data (nodata); use deflate")
	default:
		return nil
	}
}

func (o *Options) resolvePredictor(im *tiff.Image) error {
	lossless := o.Compression == Deflate || o.Compression == Zstd

	if o.Predictor == "" || o.Predictor == Auto {
		switch {
		case !lossless || im.Photometric == tiff.Palette:
			o.Predictor = None
		case im.Type.Float():
			o.Predictor = Float
		default:
			o.Predictor = Horizontal
		}
	}

	switch {
	case o.Predictor == None:
		return nil
	case o.Predictor != Horizontal && o.Predictor != Float:
		return tiff.Errorf(tiff.CodeInvalid, "predictor is %q, want auto, none, horizontal or float", o.Predictor)
	case !lossless:
		return tiff.Errorf(tiff.CodeInvalid, "predictor %s needs deflate or zstd, not %s", o.Predictor, o.Compression)
	case o.Predictor == Float && !im.Type.Float():
		return tiff.Errorf(tiff.CodeInvalid, "predictor float needs bands of floats, not %s", im.Type)
	default:
		return nil
	}
}
