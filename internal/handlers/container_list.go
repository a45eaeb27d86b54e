package handlers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"coremachine/internal/state"
)

// Task types of the container_list job.
const (
	ContainerList    TaskType[ContainerListInput, ContainerListOutput]       = "container_list_list"
	ContainerInspect TaskType[ContainerInspectInput, ContainerInspectOutput] = "container_list_inspect"
	ContainerSummary TaskType[ContainerSummaryInput, ContainerSummaryOutput] = "container_list_summary"
)

// A listing is one task, a minute for each 200,000 blobs; so is the summary.
// What storage refuses for load passes, so single blobs are tried for some
// minutes.
var (
	listingPolicy = []Option{Long(), Timeout(9 * time.Minute), Needs("Blobs"), Emits[BlobPage]()}
	inspectPolicy = []Option{Attempts(8), Timeout(time.Minute), Needs("Blobs")}
	summaryPolicy = []Option{Long(), Timeout(9 * time.Minute)}
)

// ContainerListInput says which blobs of a container to list.
type ContainerListInput struct {
	Container    string   `json:"container"`
	Prefix       string   `json:"prefix"`
	Extensions   []string `json:"extensions"` // any of them, with or without the dot; none: all
	MinSizeBytes int64    `json:"min_size_bytes"`
	MaxSizeBytes *int64   `json:"max_size_bytes"` // nil: any
	Limit        int      `json:"limit"`
}

// ContainerListOutput is what a listing found; the blobs are in its parts.
type ContainerListOutput struct {
	Blobs     int   `json:"blobs"` // as listed
	Bytes     int64 `json:"bytes"`
	Seen      int   `json:"seen"`      // by prefix, before extension and size
	Truncated bool  `json:"truncated"` // it stopped at the limit, and the container did not end there
}

// BlobPage is one part of a listing.
type BlobPage struct {
	Blobs []Blob `json:"blobs"`
}

func containerList(ctx context.Context, t Task, in ContainerListInput) (ContainerListOutput, error) {
	var out ContainerListOutput

	match := in.matcher()
	for page, err := range t.Deps.Blobs.Pages(ctx, in.Container, in.Prefix, MaxPage) {
		if err != nil {
			return out, lasting(err)
		}

		if out.Blobs == in.Limit { // what is on this page and on those behind it is not listed
			out.Truncated = true
			break
		}

		kept := page[:0]
		for _, b := range page {
			out.Seen++

			if !match(b) {
				continue
			}

			if out.Blobs == in.Limit {
				out.Truncated = true
				break
			}

			out.Blobs++
			out.Bytes += b.Size
			kept = append(kept, b)
		}

		if err := emitBlobs(ctx, t, kept); err != nil {
			return out, err
		}

		if out.Truncated {
			break
		}

		t.Progress(
			float64(out.Blobs)/float64(in.Limit),
			fmt.Sprintf("%d blobs listed of %d seen", out.Blobs, out.Seen),
		)
	}

	return out, nil
}

// emitBlobs emits blobs as one part, or as several where their names are too
// long for one.
func emitBlobs(ctx context.Context, t Task, blobs []Blob) error {
	if len(blobs) == 0 {
		return nil
	}

	err := t.Emit(ctx, BlobPage{Blobs: blobs})
	if half := len(blobs) / 2; half > 0 && state.CodeOf(err) == state.CodeResultTooLarge {
		if err = emitBlobs(ctx, t, blobs[:half]); err == nil {
			err = emitBlobs(ctx, t, blobs[half:])
		}
	}

	return err
}

// matcher tells whether a blob is to be listed. Extensions are the ends of
// names in either case, as in "tif" or "tar.gz".
func (in ContainerListInput) matcher() func(Blob) bool {
	ends := make([]string, len(in.Extensions))
	for i, e := range in.Extensions {
		ends[i] = "." + strings.ToLower(strings.TrimPrefix(e, "."))
	}

	return func(b Blob) bool {
		if b.Size < in.MinSizeBytes || in.MaxSizeBytes != nil && b.Size > *in.MaxSizeBytes {
			return false
		}

		if len(ends) == 0 {
			return true
		}

		name := strings.ToLower(b.Name)
		for _, end := range ends {
			if strings.HasSuffix(name, end) {
				return true
			}
		}

		return false
	}
}

// lasting marks what no retry can help against: a container that is gone or
// closed does not come back within minutes.
func lasting(err error) error {
	for _, f := range []StorageError{ErrNoContainer, ErrStorageRefuses, ErrNoStorage} {
		if errors.Is(err, f) {
			return Permanent(err)
		}
	}

	return err
}
