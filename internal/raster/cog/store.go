package cog

import "context"

// Stager stages blocks of the output.
type Stager interface {
	// Stage stores a block under an id. If it repeats a call, the data are the
	// same. It does not keep data.
	Stage(ctx context.Context, id string, data []byte) error
}

// Scratch stores data from tasks for RunOverviews.
type Scratch interface {
	// Put stores data under a name. If it repeats a call, the data are the
	// same. It does not keep data.
	Put(ctx context.Context, name string, data []byte) error
	// Get returns what Put stored. The caller may change it.
	Get(ctx context.Context, name string) ([]byte, error)
}

// TaskResult is the outcome of a task: what Assemble needs to know about it.
type TaskResult struct {
	Task    int `json:"task"`
	Attempt int `json:"attempt"`
	// Sizes are the lengths of the encoded tiles, packed: level by level, row
	// by row.
	Sizes string `json:"sizes"`
	// Stats has an item for each band, if statistics are wanted.
	Stats []Sums `json:"stats,omitempty"`
	// Percentiles has an item for each band, if this is the only task.
	Percentiles []Percentiles `json:"percentiles,omitempty"`
}

// OverviewResult is the outcome of RunOverviews.
type OverviewResult struct {
	Attempt     int           `json:"attempt"`
	Sizes       string        `json:"sizes"` // as in TaskResult, for whole levels
	Percentiles []Percentiles `json:"percentiles,omitempty"`
}

// Percentiles are the values below which 2 and 98 percent of a band lie.
type Percentiles struct {
	P2  float64 `json:"p2"`
	P98 float64 `json:"p98"`
}

// BandStats are the statistics of the valid pixels of a band. A band without
// valid pixels has Count 0 and nothing else.
type BandStats struct {
	Count        int64   `json:"count"`
	ValidPercent float64 `json:"valid_percent"`
	Min          float64 `json:"min"`
	Max          float64 `json:"max"`
	Mean         float64 `json:"mean"`
	StdDev       float64 `json:"stddev"`
	P2           float64 `json:"p2"`
	P98          float64 `json:"p98"`
}

// Output describes the finished file: the header, and the blocks to commit in
// the order of the file.
type Output struct {
	Header       []byte      `json:"-"`
	HeaderSHA256 string      `json:"header_sha256"`
	Blocks       []BlockRef  `json:"-"` // without the header, which comes first
	Size         int64       `json:"size"`
	BigTIFF      bool        `json:"big_tiff"`
	Levels       []LevelInfo `json:"levels"`
	Stats        []BandStats `json:"stats,omitempty"`
}

// BlockRef names a staged block and its length.
type BlockRef struct {
	ID   string
	Size int64
}

// LevelInfo describes a level of the output.
type LevelInfo struct {
	Width  int   `json:"width"`
	Height int   `json:"height"`
	Tiles  int   `json:"tiles"`
	Bytes  int64 `json:"bytes"` // of the encoded tiles
}
