package handlers

import (
	"bytes"
	"context"

	"coremachine/internal/raster/preview"
	"coremachine/internal/raster/tiff"
)

// RasterPreviewInput is empty, because the task reads earlier results.
type RasterPreviewInput struct{}

// RasterPreviewOutput holds the picture.
type RasterPreviewOutput struct {
	Preview *Picture `json:"preview"`
}

// rasterPreview renders the output, and stores the picture next to it.
func rasterPreview(ctx context.Context, t Task, _ RasterPreviewInput) (RasterPreviewOutput, error) {
	p, err := Params[rasterParams](t)
	if err != nil {
		return RasterPreviewOutput{}, err
	}

	a, err := assembled(ctx, t)
	if err != nil {
		return RasterPreviewOutput{}, err
	}

	run := RasterRun{Source: a.Blob, Output: a.Blob}

	f, err := tiff.Open(ctx, blobSource{t.Deps.Blobs, a.Blob})
	if err != nil {
		return RasterPreviewOutput{}, rasterError(run, err)
	}

	release, err := admitRaster(ctx, previewMemory)
	if err != nil {
		return RasterPreviewOutput{}, err
	}
	defer release()

	var data bytes.Buffer

	size, err := preview.PNG(ctx, &data, f, p.PreviewSize, a.COG.Stats)
	if err != nil {
		return RasterPreviewOutput{}, rasterError(run, err)
	}

	name := withoutExt(a.Blob.Blob) + ".preview.png"

	info, err := t.Deps.Blobs.Put(ctx, a.Blob.Container, name, data.Bytes(), WriteOptions{ContentType: "image/png"})
	if err != nil {
		return RasterPreviewOutput{}, outputFault(run, err)
	}

	return RasterPreviewOutput{Preview: &Picture{
		Container: a.Blob.Container, Blob: name, ETag: info.ETag, ContentType: "image/png",
		Width: size.Width, Height: size.Height, Alt: "Preview of " + a.Blob.Blob,
	}}, nil
}

// previewMemory is about what a preview needs: its pixels, and a few rows.
const previewMemory = 32 << 20
