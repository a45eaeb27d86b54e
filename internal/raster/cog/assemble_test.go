package cog_test

import (
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/tiff"
)

// TestAssembleRefusesResultsThatDoNotFit removes, repeats and damages results.
func TestAssembleRefusesResultsThatDoNotFit(t *testing.T) {
	t.Parallel()

	// A sparse output may lack tiles, so that a missing result looks like empty
	// tiles.
	for name, sparse := range map[string]bool{"dense": false, "sparse": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assembleMisfits(t, sparse)
		})
	}
}

func assembleMisfits(t *testing.T, sparse bool) {
	t.Helper()

	im := source(t, rastersample.Spec{Width: 600, Height: 600, Tile: 64})

	plan, err := cog.NewPlan(im, cog.Options{BlockSize: 128, TaskLevels: 1, Statistics: true, Sparse: sparse})
	if err != nil {
		t.Fatal(err)
	}

	s := newStore(t)
	all := make([]*cog.TaskResult, plan.Tasks)

	for task := range all {
		if all[task], err = plan.RunTask(t.Context(), im, task, 0, s, s); err != nil {
			t.Fatal(err)
		}
	}

	overviews, err := plan.RunOverviews(t.Context(), 0, s, s)
	if err != nil {
		t.Fatal(err)
	}

	changed := func(change func(r *cog.TaskResult)) []*cog.TaskResult {
		last := *all[len(all)-1]
		change(&last)

		return append(append([]*cog.TaskResult(nil), all[:len(all)-1]...), &last)
	}

	emptyTiles := tiff.CodeInvalidCOG
	if sparse {
		emptyTiles = ""
	}

	for name, c := range map[string]struct {
		results   []*cog.TaskResult
		overviews *cog.OverviewResult
		want      tiff.Code
	}{
		"complete":      {all, overviews, ""},
		"missing":       {all[1:], overviews, tiff.CodeInvalidCOG},
		"twice":         {append(append([]*cog.TaskResult(nil), all...), all[0]), overviews, tiff.CodeInvalidCOG},
		"no overviews":  {all, nil, tiff.CodeInvalidCOG},
		"other task":    {changed(func(r *cog.TaskResult) { r.Task = 99 }), overviews, tiff.CodeInvalidCOG},
		"few sizes":     {changed(func(r *cog.TaskResult) { r.Sizes = r.Sizes[:4] }), overviews, tiff.CodeInvalidCOG},
		"empty tiles":   {changed(func(r *cog.TaskResult) { r.Sizes = "AAA=" }), overviews, emptyTiles},
		"no statistics": {changed(func(r *cog.TaskResult) { r.Stats = nil }), overviews, tiff.CodeInvalidCOG},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			results := func(yield func(*cog.TaskResult, error) bool) {
				for _, r := range c.results {
					if !yield(r, nil) {
						return
					}
				}
			}

			_, err := plan.Assemble(t.Context(), im, results, c.overviews)
			if got := tiff.CodeOf(err); got != c.want || err != nil && c.want == "" {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

// FuzzStored damages what tasks have stored: the sizes of their tiles, and their
// scratch data.
func FuzzStored(f *testing.F) {
	im := source(f, rastersample.Spec{Width: 300, Height: 200, Type: tiff.Int16, NoData: "0", Holes: true, Tile: 64})

	plan, err := cog.NewPlan(im, cog.Options{BlockSize: 128, TaskLevels: 1, Statistics: true})
	if err != nil {
		f.Fatal(err)
	}

	s := newStore(f)
	results := make([]*cog.TaskResult, plan.Tasks)

	for task := range results {
		if results[task], err = plan.RunTask(f.Context(), im, task, 0, s, s); err != nil {
			f.Fatal(err)
		}

		f.Add(results[task].Sizes, s.scratch[cog.ScratchName(task)])
	}

	overviews, err := plan.RunOverviews(f.Context(), 0, s, s)
	if err != nil {
		f.Fatal(err)
	}

	f.Fuzz(func(t *testing.T, sizes string, scratch []byte) {
		damaged := newStore(t)
		for task := range results {
			damaged.scratch[cog.ScratchName(task)] = scratch
		}

		_, err := plan.RunOverviews(t.Context(), 0, damaged, damaged)
		if err != nil && tiff.CodeOf(err) != tiff.CodeInvalidCOG {
			t.Errorf("overviews: %v", err)
		}

		_, err = plan.Assemble(t.Context(), im, func(yield func(*cog.TaskResult, error) bool) {
			for _, r := range results {
				changed := *r
				changed.Sizes = sizes

				if !yield(&changed, nil) {
					return
				}
			}
		}, overviews)
		if err != nil && tiff.CodeOf(err) != tiff.CodeInvalidCOG {
			t.Errorf("assembly: %v", err)
		}
	})
}
