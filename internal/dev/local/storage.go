package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"

	"coremachine/internal/dev/azurite"
	"coremachine/internal/dev/blobsample"
	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/tiff"
)

// SampleContainer is the container of a local storage account.
const SampleContainer = "sample"

// SampleRaster is the name of the sample raster in that container.
const SampleRaster = "hills.tif"

// rasterBands is the number of bands of the sample raster.
const rasterBands = 3

// storage is a storage account that belongs to the system.
type storage struct {
	server *azurite.Server // nil if there is none
	wrote  blobsample.Written
	raster int64 // size of the sample raster in bytes
}

// startStorage starts Azurite and fills its container.
func (s *System) startStorage(ctx context.Context, o Options, log *slog.Logger) error {
	if o.Sample == 0 && o.Raster == 0 {
		return nil
	}

	o.Progress("starting Azurite (installed on first use)")

	server, err := azurite.Start(
		ctx,
		azurite.Options{Dir: filepath.Join(o.Root, ".local", "azurite"), Log: log},
	)
	if err != nil {
		return fmt.Errorf("cannot start storage: %w", err)
	}

	s.storage.server = server
	if s.storage.wrote, err = blobsample.Write(
		ctx,
		server.Connection(),
		SampleContainer,
		o.Sample,
	); err != nil {
		return fmt.Errorf("cannot fill the sample container: %w", err)
	}

	return s.writeRaster(ctx, o)
}

func (s *System) writeRaster(ctx context.Context, o Options) (err error) {
	if o.Raster == 0 {
		return nil
	}

	o.Progress(fmt.Sprintf("making a raster of %d x %d pixels", o.Raster, o.Raster))

	file, err := os.CreateTemp("", "coremachine-raster-")
	if err != nil {
		return fmt.Errorf("cannot write the sample raster: %w", err)
	}

	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()

	spec := rastersample.Spec{
		Width: o.Raster, Height: o.Raster, Bands: rasterBands, Seed: 1,
		Tile: 256, Compression: tiff.AdobeDeflate,
		BigTIFF: o.Raster*o.Raster*rasterBands > math.MaxUint32,
	}
	stop := context.AfterFunc(ctx, func() { _ = file.Close() }) // ends the writing

	err = rastersample.Write(file, spec)
	if err != nil || !stop() {
		return fmt.Errorf("cannot write the sample raster: %w", errors.Join(err, ctx.Err()))
	}

	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("cannot write the sample raster: %w", err)
	}

	s.storage.raster = info.Size()

	err = blobsample.WriteFile(
		ctx, s.storage.server.Connection(), SampleContainer, SampleRaster, "image/tiff; application=geotiff", file,
	)
	if err != nil {
		return fmt.Errorf("cannot store the sample raster: %w", err)
	}

	return nil
}

// RasterSize returns the size of the sample raster in bytes, or 0 if there is
// none.
func (s *System) RasterSize() int64 { return s.storage.raster }

// env returns the environment variables for the handler.
func (s storage) env() []string {
	if s.server == nil {
		return nil
	}

	return []string{"STORAGE=" + s.server.Connection(), "STORAGE__blobServiceUri="}
}

func (s storage) stop() error {
	if s.server == nil {
		return nil
	}

	return s.server.Stop()
}

// Storage returns the connection string of the account that Start started,
// including its key, and the content of its container. The connection string is
// "" if Start did not start one.
func (s *System) Storage() (connection string, wrote blobsample.Written) {
	if s.storage.server == nil {
		return "", wrote
	}

	return s.storage.server.Connection(), s.storage.wrote
}

// StoragePID returns the process id of Azurite, or 0 if it does not run.
func (s *System) StoragePID() int {
	if s.storage.server == nil {
		return 0
	}

	return s.storage.server.PID()
}
