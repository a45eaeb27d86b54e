package cog_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/tiff"
)

// store holds staged blocks and scratch data in memory.
type store struct {
	t       testing.TB
	blocks  map[string][]byte
	scratch map[string][]byte
}

func newStore(t testing.TB) *store {
	t.Helper()

	return &store{t, map[string][]byte{}, map[string][]byte{}}
}

func (s *store) Stage(_ context.Context, id string, data []byte) error {
	if len(data) == 0 || len(id) > 64 {
		s.t.Errorf("block %q has %d bytes", id, len(data))
	}

	if old, staged := s.blocks[id]; staged && !bytes.Equal(old, data) {
		s.t.Errorf("block %s was staged with other data", id)
	}

	s.blocks[id] = bytes.Clone(data)

	return nil
}

func (s *store) Put(_ context.Context, name string, data []byte) error {
	if old, stored := s.scratch[name]; stored && !bytes.Equal(old, data) {
		s.t.Errorf("scratch data %s differ", name)
	}

	s.scratch[name] = bytes.Clone(data)

	return nil
}

func (s *store) Get(_ context.Context, name string) ([]byte, error) {
	data, stored := s.scratch[name]
	if !stored {
		return nil, fmt.Errorf("no scratch data %s", name)
	}

	return bytes.Clone(data), nil
}

// source opens a sample.
func source(t testing.TB, spec rastersample.Spec) *tiff.Image {
	t.Helper()

	src, err := rastersample.Source(spec)
	if err != nil {
		t.Fatal(err)
	}

	f, err := tiff.Open(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}

	return f.Images[0]
}

// build runs all tasks in a random order, some of them twice, and returns the
// file.
func build(t *testing.T, im *tiff.Image, options cog.Options) ([]byte, *cog.Output, *cog.Plan) {
	t.Helper()

	plan, err := cog.NewPlan(im, options)
	if err != nil {
		t.Fatal(err)
	}

	s := newStore(t)
	results := map[int]*cog.TaskResult{}

	for attempt := range 2 {
		for _, task := range rand.Perm(plan.Tasks) {
			if attempt == 1 && task%3 != 0 {
				continue
			}

			result, err := plan.RunTask(t.Context(), im, task, attempt, s, s)
			if err != nil {
				t.Fatal(err)
			}

			results[task] = result
		}
	}

	var overviews *cog.OverviewResult

	if plan.NeedsOverviews() {
		if overviews, err = plan.RunOverviews(t.Context(), 0, s, s); err != nil {
			t.Fatal(err)
		}
	}

	out, err := plan.Assemble(t.Context(), im, each(results), overviews)
	if err != nil {
		t.Fatal(err)
	}

	file := bytes.Clone(out.Header)

	for _, b := range out.Blocks {
		if int64(len(s.blocks[b.ID])) != b.Size {
			t.Fatalf("block %s has %d bytes, want %d", b.ID, len(s.blocks[b.ID]), b.Size)
		}

		file = append(file, s.blocks[b.ID]...)
	}

	if int64(len(file)) != out.Size {
		t.Errorf("the file has %d bytes, want %d", len(file), out.Size)
	}

	if len(out.Blocks)+1 > plan.Blocks || !options.Sparse && len(out.Blocks)+1 != plan.Blocks {
		t.Errorf("%d blocks, planned %d", len(out.Blocks)+1, plan.Blocks)
	}

	return file, out, plan
}

func each(results map[int]*cog.TaskResult) iter.Seq2[*cog.TaskResult, error] {
	return func(yield func(*cog.TaskResult, error) bool) {
		for _, task := range slices.Sorted(maps.Keys(results)) {
			if !yield(results[task], nil) {
				return
			}
		}
	}
}
