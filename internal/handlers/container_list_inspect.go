package handlers

import (
	"context"
	"errors"
)

// ContainerInspectInput is one blob to look into.
type ContainerInspectInput struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// ContainerInspectOutput is what a blob's first bytes say, or why they could
// not be read. The name is only there where the summary may have to tell it.
type ContainerInspectOutput struct {
	Kind    string `json:"kind,omitzero"`
	Differs bool   `json:"differs,omitzero"` // from what its extension promises
	Skipped string `json:"skipped,omitzero"` // deleted or unreadable
	Name    string `json:"name,omitzero"`
}

// Why a blob was skipped.
const (
	SkippedDeleted    = "deleted"    // after it was listed
	SkippedUnreadable = "unreadable" // archived, or encrypted with its owner's key
)

func containerInspect(ctx context.Context, t Task, in ContainerInspectInput) (ContainerInspectOutput, error) {
	if in.Size == 0 {
		return ContainerInspectOutput{Kind: KindEmpty}, nil
	}

	job, err := Params[struct {
		Container string `json:"container"`
	}](t)
	if err != nil {
		return ContainerInspectOutput{}, err
	}

	head, err := t.Deps.Blobs.Head(ctx, job.Container, in.Name, headBytes)
	switch {
	case errors.Is(err, ErrNoBlob):
		return ContainerInspectOutput{Skipped: SkippedDeleted, Name: in.Name}, nil
	case errors.Is(err, ErrBlobUnreadable):
		return ContainerInspectOutput{Skipped: SkippedUnreadable, Name: in.Name}, nil
	case err != nil:
		return ContainerInspectOutput{}, lasting(err)
	}

	out := ContainerInspectOutput{Kind: kindOf(head)}
	if differs(extension(in.Name), out.Kind, head) {
		out.Differs, out.Name = true, in.Name
	}

	return out, nil
}
