package local

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"coremachine/internal/dev/azurite"
	"coremachine/internal/dev/blobsample"
)

// SampleContainer is what a local storage account holds.
const SampleContainer = "sample"

// storage is a storage account of the system's own.
type storage struct {
	server *azurite.Server // nil: none
	wrote  blobsample.Written
}

// startStorage starts an Azurite and fills its container.
func (s *System) startStorage(ctx context.Context, o Options, log *slog.Logger) error {
	if o.Sample == 0 {
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

	return nil
}

// env tells the handler of the account.
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

// Storage is the connection string of the account that Start started, its key
// included, and what its container holds; "" where it started none.
func (s *System) Storage() (connection string, wrote blobsample.Written) {
	if s.storage.server == nil {
		return "", wrote
	}

	return s.storage.server.Connection(), s.storage.wrote
}

// StoragePID is the process id of Azurite, 0 where there is none.
func (s *System) StoragePID() int {
	if s.storage.server == nil {
		return 0
	}

	return s.storage.server.PID()
}
