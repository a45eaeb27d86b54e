package handlers

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// ContainerSummaryInput is empty: a summary is made of what the stages before
// it produced.
type ContainerSummaryInput struct{}

// ContainerSummaryOutput sums up a listing. It has at most about 700 KB however
// many blobs there are and however long their names: lists are cut, and what is
// left out is in a count.
type ContainerSummaryOutput struct {
	Container     string              `json:"container"`
	Blobs         int                 `json:"blobs"`
	Bytes         int64               `json:"bytes"`
	Seen          int                 `json:"seen"`      // by prefix, before extension and size
	Truncated     bool                `json:"truncated"` // the listing stopped at the limit
	ByExtension   Groups              `json:"by_extension"`
	ByContentType Groups              `json:"by_content_type"`
	ByFolder      Groups              `json:"by_folder"` // names up to their last slash
	Largest       []BlobRef           `json:"largest"`
	Oldest        []BlobRef           `json:"oldest"`
	Newest        []BlobRef           `json:"newest"`
	Duplicates    Duplicates          `json:"duplicates"`
	Inspected     *ContainerInspected `json:"inspected"` // null where the blobs were only listed
}

// BlobRef is a blob that a summary names.
type BlobRef struct {
	Name     string    `json:"name"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

// ContainerInspected is what the blobs' first bytes said.
type ContainerInspected struct {
	Blobs        int            `json:"blobs"` // those that were skipped not counted
	ByKind       map[string]int `json:"by_kind"`
	Differ       int            `json:"differ"` // blobs whose kind is not what their extension promises
	DifferNames  []NamedKind    `json:"differ_names"`
	Skipped      map[string]int `json:"skipped"` // by reason
	SkippedNames []string       `json:"skipped_names"`
}

// NamedKind is a blob with what it turned out to be.
type NamedKind struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// How much of each list is told.
const (
	tellNames      = 10
	tellFolders    = 50
	tellGroups     = 100
	tellCopies     = 10
	tellCopyNames  = 2
	longestTypeKey = 128 // characters of a content type, which anybody can write
)

func containerSummary(ctx context.Context, t Task, _ ContainerSummaryInput) (ContainerSummaryOutput, error) {
	var out ContainerSummaryOutput

	job, err := Params[struct {
		Container string `json:"container"`
		Inspect   bool   `json:"inspect"`
	}](t)
	if err != nil {
		return out, err
	}

	out.Container = job.Container
	s := newTally()

	for r, err := range stored(ctx, t, "list") {
		if err != nil {
			return out, err
		}

		if err := s.take(r, &out); err != nil {
			return out, err
		}

		t.Progress(0, fmt.Sprintf("%d blobs summed up", s.blobs))
	}

	s.tell(&out)

	if err := nameCopies(ctx, t, out.Duplicates.Groups); err != nil {
		return out, err
	}

	if job.Inspect {
		out.Inspected, err = inspected(ctx, t)
	}

	return out, err
}

// tally is what is kept of a listing while it streams by: its size does not
// depend on the number of blobs.
type tally struct {
	blobs                   int
	extensions              grouping
	types                   grouping
	folders                 grouping
	largest, oldest, newest ranking
	copies                  copies
}

func newTally() *tally {
	return &tally{
		largest: ranking{before: func(a, b BlobRef) bool { return a.Size > b.Size }},
		oldest:  ranking{before: func(a, b BlobRef) bool { return a.Modified.Before(b.Modified) }},
		newest:  ranking{before: func(a, b BlobRef) bool { return a.Modified.After(b.Modified) }},
		copies:  copies{most: mostCopies},
	}
}

// take adds one part of the listing, or its result, which comes last.
func (s *tally) take(r StoredResult, out *ContainerSummaryOutput) error {
	const op = "handlers.containerSummary"

	if r.Part < 0 {
		var list ContainerListOutput
		if err := decodeStored(op, r.Data, &list); err != nil {
			return err
		}

		out.Blobs, out.Bytes, out.Seen, out.Truncated = list.Blobs, list.Bytes, list.Seen, list.Truncated

		return nil
	}

	var page BlobPage
	if err := decodeStored(op, r.Data, &page); err != nil {
		return err
	}

	for _, b := range page.Blobs {
		s.add(b)
	}

	return nil
}

func (s *tally) add(b Blob) {
	s.blobs++
	s.extensions.add(extension(b.Name), b.Size)
	s.types.add(cutText(b.ContentType, longestTypeKey), b.Size)
	s.folders.add(folder(b.Name), b.Size)
	ref := BlobRef{Name: b.Name, Size: b.Size, Modified: b.Modified}
	s.largest.add(ref)
	s.oldest.add(ref)
	s.newest.add(ref)
	s.copies.add(b)
}

func (s *tally) tell(out *ContainerSummaryOutput) {
	out.ByExtension = s.extensions.tell(tellGroups)
	out.ByContentType = s.types.tell(tellGroups)
	out.ByFolder = s.folders.tell(tellFolders)
	out.Largest, out.Oldest, out.Newest = s.largest.tell(), s.oldest.tell(), s.newest.tell()
	out.Duplicates = s.copies.tell()
}

// nameCopies reads the listing again for the names of the duplicates that are
// told: to remember the names of all, in case they turn out to be some, would
// take the memory of the whole listing.
func nameCopies(ctx context.Context, t Task, groups []DuplicateGroup) error {
	if len(groups) == 0 {
		return nil
	}

	wanted := map[string]*DuplicateGroup{}
	for i := range groups {
		wanted[groups[i].MD5] = &groups[i]
	}

	missing := len(groups) * tellCopyNames

	for page, err := range Parts[BlobPage](ctx, t, "list") {
		if err != nil {
			return err
		}

		for _, b := range page.Blobs {
			g := wanted[base64.StdEncoding.EncodeToString(b.MD5)]
			if g == nil || len(g.Names) == tellCopyNames {
				continue
			}

			g.Names = append(g.Names, b.Name)

			if missing--; missing == 0 {
				return nil
			}
		}
	}

	return nil
}

func inspected(ctx context.Context, t Task) (*ContainerInspected, error) {
	out := &ContainerInspected{
		ByKind:       map[string]int{},
		DifferNames:  []NamedKind{},
		Skipped:      map[string]int{},
		SkippedNames: []string{},
	}

	for r, err := range Results[ContainerInspectOutput](ctx, t, "inspect") {
		if err != nil {
			return nil, err
		}

		if r.Skipped != "" {
			out.Skipped[r.Skipped]++
			if len(out.SkippedNames) < tellNames {
				out.SkippedNames = append(out.SkippedNames, r.Name)
			}

			continue
		}

		out.Blobs++

		out.ByKind[r.Kind]++
		if !r.Differs {
			continue
		}

		out.Differ++
		if len(out.DifferNames) < tellNames {
			out.DifferNames = append(out.DifferNames, NamedKind{r.Name, r.Kind})
		}
	}

	return out, nil
}

// cutText keeps the first n characters.
func cutText(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return strings.Clone(s[:i])
		}
	}

	return s
}
