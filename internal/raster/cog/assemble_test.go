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

	im := source(t, rastersample.Spec{Width: 600, Height: 600, Tile: 64})

	plan, err := cog.NewPlan(im, cog.Options{BlockSize: 128, TaskLevels: 1, Statistics: true})
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
		"empty tiles":   {changed(func(r *cog.TaskResult) { r.Sizes = "AAA=" }), overviews, tiff.CodeInvalidCOG},
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
