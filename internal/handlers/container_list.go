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

// A listing and a summary are one task each, which needs about a minute for
// each 200,000 blobs. Storage refuses requests under load for a while, so the
// tasks for single blobs retry for some minutes.
var (
	listingPolicy = []Option{Long(), Timeout(9 * time.Minute), Needs("Blobs"), Emits[BlobPage]()}
	inspectPolicy = []Option{Attempts(8), Timeout(time.Minute), Needs("Blobs")}
	summaryPolicy = []Option{Long(), Timeout(9 * time.Minute)}
)

// ContainerListInput selects the blobs of a container to list.
type ContainerListInput struct {
	Container    string   `json:"container"`
	Prefix       string   `json:"prefix"`
	Extensions   []string `json:"extensions"` // any of these, with or without the dot; empty means all
	MinSizeBytes int64    `json:"min_size_bytes"`
	MaxSizeBytes *int64   `json:"max_size_bytes"` // nil means no limit
	Limit        int      `json:"limit"`
}

// ContainerListOutput counts what a listing found. The blobs are in its parts.
type ContainerListOutput struct {
	Blobs     int   `json:"blobs"` // as listed
	Bytes     int64 `json:"bytes"`
	Seen      int   `json:"seen"`      // by prefix, before extension and size
	Truncated bool  `json:"truncated"` // the listing stopped at the limit before the end
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

		if out.Blobs == in.Limit { // the rest of this page and later pages are not listed
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

// emitBlobs emits blobs as one part, or as several parts if their names are too
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

// matcher returns a function that reports whether a blob is listed. Extensions
// match the ends of names without regard to case, such as "tif" or "tar.gz".
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

// lasting marks errors that no retry can fix. A container that was deleted or
// closed does not return within minutes.
func lasting(err error) error {
	for _, f := range []StorageError{ErrNoContainer, ErrStorageRejected, ErrNoStorage} {
		if errors.Is(err, f) {
			return Permanent(err)
		}
	}

	return err
}
