package handlers

import (
	"context"
	"errors"
	"strings"

	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/geo"
	"coremachine/internal/raster/tiff"
)

// VerifyCOGInput is empty, because the task reads earlier results.
type VerifyCOGInput struct{}

// VerifyCOGOutput counts what was checked.
type VerifyCOGOutput struct {
	Levels int `json:"levels"`
	Tiles  int `json:"tiles"` // decoded
}

// sampledTiles is the number of tiles that the check decodes.
const sampledTiles = 16

// assembled returns what was committed.
func assembled(ctx context.Context, t Task) (AssembleCOGOutput, error) {
	return only[AssembleCOGOutput](ctx, t, rasterAssembleStage)
}

// verifyCOG opens the output as a reader does. If it is not valid, it deletes
// the output, because others may already use it.
func verifyCOG(ctx context.Context, t Task, _ VerifyCOGInput) (VerifyCOGOutput, error) {
	v, err := validated(ctx, t)
	if err != nil {
		return VerifyCOGOutput{}, err
	}

	a, err := assembled(ctx, t)
	if err != nil {
		return VerifyCOGOutput{}, err
	}

	out, err := checkCOG(ctx, t, v.Plan, a)
	if err == nil {
		return out, nil
	}

	if tiff.CodeOf(err) == "" {
		return VerifyCOGOutput{}, outputFault(*v.Run, err)
	}

	fault := rasterFault("invalid_cog", "The output is not valid and was deleted: %w", err)
	deleting := t.Deps.Blobs.Delete(ctx, a.Blob.Container, a.Blob.Blob, a.Blob.ETag)

	if deleting != nil && !errors.Is(deleting, ErrBlobChanged) {
		return VerifyCOGOutput{}, outputFault(*v.Run, deleting)
	}

	return VerifyCOGOutput{}, fault
}

func checkCOG(ctx context.Context, t Task, plan *cog.Plan, a AssembleCOGOutput) (VerifyCOGOutput, error) {
	f, err := tiff.Open(ctx, blobSource{t.Deps.Blobs, a.Blob})
	if err != nil {
		return VerifyCOGOutput{}, err
	}

	found, err := geo.Validate(ctx, f, geo.ValidateOptions{Leaders: sampledLeaders})
	if err != nil {
		return VerifyCOGOutput{}, err
	}

	if !found.Valid(true) || f.Ghost == nil || len(f.Images) != len(a.COG.Levels) {
		return VerifyCOGOutput{}, tiff.Errorf(tiff.CodeInvalidCOG, "It has %d levels, want %d: %s",
			len(f.Images), len(a.COG.Levels), strings.Join(append(found.Errors, found.Warnings...), "; "))
	}

	for n, im := range f.Images {
		if want := plan.Level(n); im.Width != want.Width || im.Height != want.Height || !im.Tiled {
			return VerifyCOGOutput{}, tiff.Errorf(tiff.CodeInvalidCOG,
				"Level %d has %d x %d pixels, want %d x %d in tiles", n, im.Width, im.Height, want.Width, want.Height)
		}
	}

	out := VerifyCOGOutput{Levels: len(f.Images)}

	for i := range sampledTiles {
		if err := checkTile(ctx, f.Images[i%len(f.Images)], i/len(f.Images)); err != nil {
			return out, err
		}

		out.Tiles++
	}

	return out, nil
}

// checkTile decodes a tile of a level. Different numbers select tiles that are
// spread over the level.
func checkTile(ctx context.Context, im *tiff.Image, number int) error {
	const step = 7919 // a prime, so that neighbours are far apart

	at := (number + 1) * step % (im.BlocksAcross() * im.BlocksDown())
	x, y := at%im.BlocksAcross()*im.BlockWidth, at/im.BlocksAcross()*im.BlockHeight
	width, height := min(im.BlockWidth, im.Width-x), min(im.BlockHeight, im.Height-y)

	r, err := im.NewReader(ctx, x, width)
	if err != nil {
		return err
	}
	defer r.Close()

	return r.Read(ctx, y, height, make([]byte, width*height*im.PixelSize()))
}
