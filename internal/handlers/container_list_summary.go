package handlers

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// ContainerSummaryInput is empty, because the summary reads the results of
// earlier stages.
type ContainerSummaryInput struct{}

// ContainerSummaryOutput summarizes a listing. It is at most about 700 KB,
// regardless of the number of blobs and the length of their names: lists are
// truncated, and counts include what the lists omit.
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
	Inspected     *ContainerInspected `json:"inspected"` // null if the blobs were only listed
}

// BlobRef is a blob that a summary names.
type BlobRef struct {
	Name     string    `json:"name"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

// ContainerInspected counts what the blobs' first bytes show.
type ContainerInspected struct {
	Blobs        int            `json:"blobs"` // without those that were skipped
	ByKind       map[string]int `json:"by_kind"`
	Differ       int            `json:"differ"` // blobs whose kind is not what their extension promises
	DifferNames  []NamedKind    `json:"differ_names"`
	Skipped      map[string]int `json:"skipped"` // by reason
	SkippedNames []string       `json:"skipped_names"`
}

// NamedKind is a blob with the kind that its content has.
type NamedKind struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// Limits of the lists in a summary.
const (
	shownNames     = 10
	shownFolders   = 50
	shownGroups    = 100
	shownCopies    = 10
	shownCopyNames = 2
	longestTypeKey = 128 // characters of a content type, which any client can set
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

		if err := s.addPart(r, &out); err != nil {
			return out, err
		}

		t.Progress(0, fmt.Sprintf("%d blobs summed up", s.blobs))
	}

	s.summary(&out)

	if err := nameCopies(ctx, t, out.Duplicates.Groups); err != nil {
		return out, err
	}

	if job.Inspect {
		out.Inspected, err = inspected(ctx, t)
	}

	return out, err
}

// tally accumulates a listing while it streams. Its size does not depend on the
// number of blobs.
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
		copies:  copies{max: maxContents},
	}
}

// addPart adds one part of the listing, or the result of the listing, which
// comes last.
func (s *tally) addPart(r StoredResult, out *ContainerSummaryOutput) error {
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

func (s *tally) summary(out *ContainerSummaryOutput) {
	out.ByExtension = s.extensions.summary(shownGroups)
	out.ByContentType = s.types.summary(shownGroups)
	out.ByFolder = s.folders.summary(shownFolders)
	out.Largest, out.Oldest, out.Newest = s.largest.summary(), s.oldest.summary(), s.newest.summary()
	out.Duplicates = s.copies.summary()
}

// nameCopies reads the listing again for the names of the duplicates that the
// summary shows. To keep all names during the first pass would need memory for
// the whole listing.
func nameCopies(ctx context.Context, t Task, groups []DuplicateGroup) error {
	if len(groups) == 0 {
		return nil
	}

	wanted := map[string]*DuplicateGroup{}
	for i := range groups {
		wanted[groups[i].MD5] = &groups[i]
	}

	missing := len(groups) * shownCopyNames

	for page, err := range Parts[BlobPage](ctx, t, "list") {
		if err != nil {
			return err
		}

		for _, b := range page.Blobs {
			g := wanted[base64.StdEncoding.EncodeToString(b.MD5)]
			if g == nil || len(g.Names) == shownCopyNames {
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
			if len(out.SkippedNames) < shownNames {
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
		if len(out.DifferNames) < shownNames {
			out.DifferNames = append(out.DifferNames, NamedKind{r.Name, r.Kind})
		}
	}

	return out, nil
}

// cutText returns the first n characters of s.
func cutText(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return strings.Clone(s[:i])
		}
	}

	return s
}
