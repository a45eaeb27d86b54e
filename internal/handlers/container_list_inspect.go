package handlers

import (
	"context"
	"errors"
)

// ContainerInspectInput names the blob to inspect.
type ContainerInspectInput struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// ContainerInspectOutput reports what a blob's first bytes show, or why they
// could not be read. Name is set only if the summary may have to show it.
type ContainerInspectOutput struct {
	Kind    string `json:"kind,omitzero"`
	Differs bool   `json:"differs,omitzero"` // the kind is not what the extension promises
	Skipped string `json:"skipped,omitzero"` // deleted or unreadable
	Name    string `json:"name,omitzero"`
}

// Reasons why a blob was skipped.
const (
	SkippedDeleted    = "deleted"    // deleted after it was listed
	SkippedUnreadable = "unreadable" // archived, or encrypted with a customer-provided key
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
