package main

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"coremachine/internal/dev/local"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// sampleJobs are the jobs that the demo runs on a sample container, with their
// parameters.
var sampleJobs = map[string][]string{
	"container_list": {"container=" + local.SampleContainer, "inspect=true"},
	overRaster: {
		"source_container=" + local.SampleContainer, "source_blob=" + local.SampleRaster, "overwrite=true",
	},
	"validate_geotiff": {"container=" + local.SampleContainer},
}

// overRaster is the job that the demo runs on a sample raster.
const overRaster = "process_raster"

// sampleSide is the side of the sample raster in pixels.
const sampleSide = 10_000

// overSample adds a storage account for a job over blobs, unless one is
// configured, and sets the parameters that name the sample.
func (c *demoCmd) overSample(a *app) {
	words, over := sampleJobs[c.Job]
	if over && a.getenv("STORAGE") == "" && a.getenv("STORAGE__blobServiceUri") == "" {
		c.Storage = true
	}

	if !over || !c.Storage {
		return
	}

	size := &c.Sample

	if c.Job != "container_list" {
		c.Sample, c.Raster = 0, sampleSide
		size = &c.Raster
	}

	if c.N > 0 {
		*size, c.N = c.N, 0
	}

	for _, word := range words {
		name, _, _ := strings.Cut(word, "=")
		if !slices.ContainsFunc(c.P, func(p string) bool { return strings.HasPrefix(p, name+"=") }) {
			c.P = append(c.P, word)
		}
	}
}

// savePictures saves the pictures of the job's result, because the demo ends
// before anyone can look at the dashboard.
func (c *demoCmd) savePictures(ctx context.Context, a *app, job view.JobView) {
	types, err := a.types(ctx)
	if err != nil {
		return // the result is still printed
	}

	declared, _ := state.FindType(types, job.JobType)
	for _, d := range declared.Show {
		if d.Kind == state.DisplayImage && state.Member(job.Result, d.Path) != nil {
			c.savePicture(ctx, a, job, d.Path)
		}
	}
}

func (c *demoCmd) savePicture(ctx context.Context, a *app, job view.JobView, path string) {
	answer, err := a.api.Get(ctx, "/jobs/"+job.JobID.String()+"/pictures/"+url.PathEscape(path), nil)
	if err != nil {
		a.hint("%s: %v", path, err)
		return
	}

	file := filepath.Join(os.TempDir(), job.JobType+"-"+job.JobID.Short()+"-"+path+".png")
	if err := os.WriteFile(file, answer.Body, 0o600); err != nil {
		a.hint("%s: %v", path, err)
		return
	}

	a.hint("%s: %s", path, file)

	if c.Keep {
		a.hint("dashboard: %s/ui/jobs/%s", a.api.Base(), job.JobID)
	} else {
		a.hint("dashboard: run it with --keep to see the result at /api/ui/jobs/%s", job.JobID.Short())
	}
}
