package e2e_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/dev/blobsample"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/state"
	"coremachine/internal/test/blobtest"
	"coremachine/internal/test/enginetest"
)

// onStorage starts an engine whose jobs read the storage account of a
// connection string.
func onStorage(t *testing.T, connection string) *enginetest.Engine {
	t.Helper()

	return enginetest.Start(
		t,
		enginetest.Options{
			Jobs:      jobs.All,
			Handlers:  handlers.All,
			Deps:      handlers.Deps{Blobs: openStore(t, connection)},
			Processes: 2,
			Dispatch:  modeOf(t),
		},
	)
}

func summaryOf(t *testing.T, job enginetest.Job) handlers.ContainerSummaryOutput {
	t.Helper()

	var s handlers.ContainerSummaryOutput
	if err := json.Unmarshal(job.Result, &s); err != nil {
		t.Fatalf("%v: %s", err, job.Result)
	}

	return s
}

// counted converts groups to the form in which the sample counts them.
func counted(g handlers.Groups) map[string]blobsample.Count {
	counts := map[string]blobsample.Count{}
	for _, group := range g.Groups {
		counts[group.Key] = blobsample.Count{Blobs: group.Blobs, Bytes: group.Bytes}
	}

	return counts
}

// TestContainerListMatchesStoredBlobs lists blobs whose names contain every
// allowed kind of character, the longest with 1,024 characters.
func TestContainerListMatchesStoredBlobs(t *testing.T) {
	t.Parallel()
	server := blobtest.Azurite(t)

	const n = 1100 // ten differ from their extension

	wrote, err := blobsample.Write(t.Context(), server.Connection(), "sample", n)
	if err != nil {
		t.Fatal(err)
	}

	e := onStorage(t, server.Connection())
	job := e.Run("container_list", `{"container":"sample","inspect":true}`).MustBe(t, state.JobCompleted)
	job.Stage(t, "list").MustHave(t, 1, 0)
	job.Stage(t, "inspect").MustHave(t, n, 0)

	s := summaryOf(t, job)
	if s.Blobs != n || s.Seen != n || s.Truncated || s.Bytes != wrote.Total.Bytes {
		t.Errorf(
			"listed %d blobs of %d with %d bytes, truncated %t, want %+v",
			s.Blobs,
			s.Seen,
			s.Bytes,
			s.Truncated,
			wrote.Total,
		)
	}

	for name, pair := range map[string]struct {
		got  handlers.Groups
		want map[string]blobsample.Count
	}{
		"extension":    {s.ByExtension, wrote.ByExtension},
		"content type": {s.ByContentType, wrote.ByContentType},
		"folder":       {s.ByFolder, wrote.ByFolder},
	} {
		if diff := cmp.Diff(pair.want, counted(pair.got)); diff != "" || !pair.got.Exact ||
			pair.got.Other.Blobs != 0 {
			t.Errorf(
				"by %s, exact %t, other %+v (-wrote +got):\n%s",
				name,
				pair.got.Exact,
				pair.got.Other,
				diff,
			)
		}
	}

	if diff := cmp.Diff(wrote.ByKind, s.Inspected.ByKind); diff != "" || s.Inspected.Blobs != n ||
		len(s.Inspected.Skipped) > 0 {
		t.Errorf(
			"by kind, %d inspected, skipped %v (-wrote +got):\n%s",
			s.Inspected.Blobs,
			s.Inspected.Skipped,
			diff,
		)
	}

	if s.Inspected.Differ != wrote.Lies || wrote.Lies == 0 || len(s.Inspected.DifferNames) != 10 {
		t.Errorf(
			"%d differ from their extension, named %v, want %d",
			s.Inspected.Differ,
			s.Inspected.DifferNames,
			wrote.Lies,
		)
	}

	d := s.Duplicates
	if d.Copies != wrote.Copies.Blobs || d.Bytes != wrote.Copies.Bytes || d.Contents != d.Copies ||
		d.SampledOneIn != 1 ||
		d.WithoutMD5 != 0 ||
		d.Copies == 0 {
		t.Errorf("duplicates are %+v, want %+v", d, wrote.Copies)
	}

	checkNamed(t, s, n)
	e.MustSatisfyInvariants()
}

// checkNamed compares the blobs that a summary names with the sample.
func checkNamed(t *testing.T, s handlers.ContainerSummaryOutput, n int) {
	t.Helper()

	items := slices.Collect(blobsample.Items(n))
	bySize := slices.SortedFunc(
		slices.Values(items),
		func(a, b blobsample.Item) int { return len(b.Content) - len(a.Content) },
	)

	content := map[string]string{}
	for _, it := range items {
		content[it.Name] = string(it.Content)
	}

	for i, b := range s.Largest {
		if b.Size != int64(len(bySize[i].Content)) || len(content[b.Name]) != int(b.Size) {
			t.Errorf("the %d. largest is %+v, want %d bytes", i+1, b, len(bySize[i].Content))
		}
	}

	if len(s.Largest) != 10 || len(s.Oldest) != 10 || len(s.Newest) != 10 {
		t.Errorf("%d largest, %d oldest, %d newest", len(s.Largest), len(s.Oldest), len(s.Newest))
	}

	if !s.Oldest[0].Modified.Before(s.Newest[0].Modified) {
		t.Errorf("the oldest is of %s, the newest of %s", s.Oldest[0].Modified, s.Newest[0].Modified)
	}

	for _, g := range s.Duplicates.Groups {
		if len(g.Names) != 2 || g.Names[0] == g.Names[1] || content[g.Names[0]] != content[g.Names[1]] ||
			int64(len(content[g.Names[0]])) != g.Size {
			t.Errorf("duplicates %+v differ", g)
		}
	}
}

func TestContainerListFilters(t *testing.T) {
	t.Parallel()
	server := blobtest.Azurite(t)

	const n = 160
	if _, err := blobsample.Write(t.Context(), server.Connection(), "sample", n); err != nil {
		t.Fatal(err)
	}

	e := onStorage(t, server.Connection())

	for params, keep := range map[string]func(it blobsample.Item) bool{
		`"extensions":[".PNG","csv"]`: func(it blobsample.Item) bool {
			return strings.HasSuffix(it.Name, ".png") || strings.HasSuffix(it.Name, ".csv")
		},
		`"prefix":"hash#tag/?query"`: func(it blobsample.Item) bool {
			return strings.HasPrefix(it.Name, "hash#tag/")
		},
		`"min_size_bytes":2000,"max_size_bytes":3000`: func(it blobsample.Item) bool {
			return len(it.Content) >= 2000 && len(it.Content) <= 3000
		},
		`"max_size_bytes":0`: func(blobsample.Item) bool { return false },
		`"prefix":"images/","extensions":["gif"]`: func(it blobsample.Item) bool {
			return strings.HasPrefix(it.Name, "images/") && strings.HasSuffix(it.Name, ".gif")
		},
		`"prefix":"nothing begins so","min_size_bytes":1`: func(blobsample.Item) bool { return false },
	} {
		var want blobsample.Count

		for it := range blobsample.Items(n) {
			if keep(it) {
				want.Blobs, want.Bytes = want.Blobs+1, want.Bytes+int64(len(it.Content))
			}
		}

		s := summaryOf(
			t,
			e.Run("container_list", `{"container":"sample",`+params+`}`).MustBe(t, state.JobCompleted),
		)
		if s.Blobs != want.Blobs || s.Bytes != want.Bytes || s.Truncated || s.Inspected != nil {
			t.Errorf("%s: %d blobs, %d bytes, want %+v", params, s.Blobs, s.Bytes, want)
		}
	}

	for limit, truncated := range map[string]bool{"159": true, "160": false, "161": false, "1": true} {
		job := e.Run("container_list", `{"container":"sample","inspect":true,"limit":`+limit+`}`).
			MustBe(t, state.JobCompleted)

		s := summaryOf(t, job)
		if s.Truncated != truncated || s.Blobs != s.Inspected.Blobs || (limit == "1") != (s.Blobs == 1) {
			t.Errorf(
				"limit %s: %d blobs, truncated %t, %d inspected",
				limit,
				s.Blobs,
				s.Truncated,
				s.Inspected.Blobs,
			)
		}
	}

	e.MustSatisfyInvariants()
}
