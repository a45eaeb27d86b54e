package jobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	h "coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// ContainerListParams are the parameters of ContainerList.
type ContainerListParams struct {
	Container    string   `json:"container" validate:"required,min=3,max=63" search:"true" pattern:"^(\\$root|\\$web|\\$logs|[a-z0-9](-?[a-z0-9])+)$" doc:"Name of the blob container, by Azure's rules: lower-case letters, digits and single hyphens"`
	Prefix       string   `json:"prefix" validate:"max=1024" search:"true" doc:"Only blobs whose names start with this prefix"`
	Extensions   []string `json:"extensions" default:"[]" validate:"max=50,dive,min=1,max=32" doc:"Only blobs with one of these extensions, for example tif or tar.gz, ignoring case. Empty: all blobs"`
	MinSizeBytes int64    `json:"min_size_bytes" default:"0" validate:"min=0" doc:"Minimum size of a blob in bytes"`
	MaxSizeBytes *int64   `json:"max_size_bytes" validate:"omitempty,min=0" doc:"Maximum size of a blob in bytes. null: no maximum"`
	Limit        int      `json:"limit" default:"10000" validate:"min=1,max=1000000" doc:"Maximum number of blobs to list, in order of their names"`
	Inspect      bool     `json:"inspect" default:"false" doc:"Read the first bytes of each blob to detect its kind"`
}

// ContainerList lists a blob container, inspects each blob in a task of its
// own, and summarizes the result.
var ContainerList = define.Define(define.Definition[ContainerListParams]{
	Description: "List a blob container, inspect each blob, and summarise",
	Stages: []define.Stage[ContainerListParams]{
		{Name: "list", Tasks: define.Single(h.ContainerList, containerListInput)},
		{
			Name: "inspect",
			Tasks: define.FanOut(
				h.ContainerInspect,
				define.FromParts[h.BlobPage]("list"),
				containerInspectInputs,
			),
			SkipIf: func(p ContainerListParams) bool { return !p.Inspect },
		},
		{
			Name: "summary",
			Tasks: define.FanIn(
				h.ContainerSummary,
				func(ContainerListParams) h.ContainerSummaryInput { return h.ContainerSummaryInput{} },
			),
		},
	},
	Preflight: containerListPreflight,
	Result:    containerListResult,
	Needs:     []string{"Blobs"},
})

func containerListInput(p ContainerListParams) h.ContainerListInput {
	return h.ContainerListInput{
		Container: p.Container, Prefix: p.Prefix, Extensions: p.Extensions,
		MinSizeBytes: p.MinSizeBytes, MaxSizeBytes: p.MaxSizeBytes, Limit: p.Limit,
	}
}

func containerInspectInputs(_ ContainerListParams, _ int, page h.BlobPage) iter.Seq[h.ContainerInspectInput] {
	return func(yield func(h.ContainerInspectInput) bool) {
		for _, b := range page.Blobs {
			if !yield(h.ContainerInspectInput{Name: b.Name, Size: b.Size}) {
				return
			}
		}
	}
}

// containerListPatience limits the preflight check, because a client waits for
// its answer.
const containerListPatience = 10 * time.Second

// containerListPreflight does for one blob what the job does for all: it lists
// the blob and, with inspect, reads it.
func containerListPreflight(ctx context.Context, p ContainerListParams, deps h.Deps) error {
	if p.MaxSizeBytes != nil && *p.MaxSizeBytes < p.MinSizeBytes {
		return define.Field(
			"max_size_bytes",
			fmt.Sprintf("%d is below min_size_bytes, which is %d", *p.MaxSizeBytes, p.MinSizeBytes),
		)
	}

	ctx, cancel := context.WithTimeout(ctx, containerListPatience)
	defer cancel()

	for page, err := range deps.Blobs.Pages(ctx, p.Container, p.Prefix, 1) {
		if err != nil {
			return storageRefusal("listed", p.Container, err)
		}

		if len(page) == 0 {
			continue
		}

		if b := page[0]; p.Inspect && b.Size > 0 {
			if _, err := deps.Blobs.Head(ctx, p.Container, b.Name, 1); err != nil {
				return storageRefusal("read", p.Container, err)
			}
		}

		return nil
	}

	return nil
}

// containerProblem returns a field error if another container, or a permission
// for it, can fix the problem, and nil otherwise.
func containerProblem(field, what, container string, err error) error {
	switch {
	case errors.Is(err, h.ErrNoContainer):
		return define.Field(field, fmt.Sprintf("there is no container %q in the storage account", container))
	case errors.Is(err, h.ErrStorageRejected), errors.Is(err, h.ErrNoStorage):
		return define.Field(field, fmt.Sprintf("%q cannot be %s: %v", container, what, err))
	}

	return nil
}

// storageRefusal returns a field error if only another container or another
// permission can fix the problem. Any other error is transient.
func storageRefusal(what, container string, err error) error {
	problem := containerProblem("container", what, container, err)

	switch {
	case problem != nil:
		return problem
	case errors.Is(err, h.ErrNoBlob), errors.Is(err, h.ErrBlobUnreadable):
		// The job skips this blob.
		return nil
	}

	return state.Wrap(
		state.CodeUnavailable,
		"jobs.containerListPreflight",
		"the container cannot be read now; try again later",
		err,
	)
}

func containerListResult(ctx context.Context, _ ContainerListParams, r define.Results) (any, error) {
	for summary, err := range define.Of[h.ContainerSummaryOutput](ctx, r, "summary") {
		return summary, err
	}

	return nil, nil
}
