package app

import (
	"fmt"

	"coremachine/internal/blobstore"
	"coremachine/internal/handlers"
)

// openStorage gives handlers the configured storage account, or one that says that none is. It connects to nothing.
func (a *App) openStorage() error {
	if a.opts.Deps.Blobs != nil {
		return nil
	}
	a.opts.Deps.Blobs = handlers.NoBlobs{}
	o, name := blobstore.Options{Connection: string(a.cfg.Storage), ServiceURL: a.cfg.StorageURI}, "STORAGE"
	switch {
	case o.Connection != "":
	case o.ServiceURL != "":
		name = "STORAGE__blobServiceUri"
		cred, err := NewCredential(a.cfg)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		o.Credential = cred
	default:
		return nil
	}
	store, err := blobstore.Open(o)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.blobs, a.opts.Deps.Blobs = store, store
	return nil
}
