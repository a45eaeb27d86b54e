package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/blobstore"
	"coremachine/internal/config"
	"coremachine/internal/handlers"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// OpenStorage makes the configured storage account; nil: none is configured. It
// connects to nothing. Close it.
func OpenStorage(cfg config.Config) (*blobstore.Store, error) {
	o, name := blobstore.Options{Connection: string(cfg.Storage), ServiceURL: cfg.StorageURI}, "STORAGE"
	switch {
	case o.Connection != "":
	case o.ServiceURL != "":
		name = "STORAGE__blobServiceUri"

		cred, err := NewCredential(cfg)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}

		o.Credential = cred
	default:
		return nil, nil
	}

	store, err := blobstore.Open(o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}

	return store, nil
}

// openStorage gives handlers the configured storage account, or one that says
// that none is.
func (a *App) openStorage() error {
	if a.opts.Deps.Blobs != nil {
		return nil
	}

	a.opts.Deps.Blobs = handlers.NoBlobs{}

	store, err := OpenStorage(a.cfg)
	if store != nil {
		a.blobs, a.opts.Deps.Blobs = store, store
	}

	return err
}

// storageAgain is how long the health check reuses a response of the storage
// account. The health endpoint needs no key, and each request to the account
// costs money.
const storageAgain = 30 * time.Second

// storageCheck checks the storage account. A process without an account is
// healthy, because only jobs over blobs need one.
func (a *App) storageCheck() api.Check {
	var (
		asked time.Time
		whole bool
		err   error
	)

	return api.Check{
		Name:     "storage",
		Optional: true,
		Runbook:  view.RunbookStorage,
		Run: func(ctx context.Context) (any, error) { // never concurrently
			if a.blobs == nil {
				return map[string]bool{"configured": false}, nil
			}

			if asked.IsZero() || time.Since(asked) > storageAgain {
				whole, err = a.blobs.Reach(ctx)
				if ctx.Err() == nil {
					asked = time.Now()
				}
			}

			if err != nil {
				return map[string]bool{"configured": true}, storageFault(err)
			}

			return map[string]bool{"configured": true, "whole_account": whole}, nil
		},
	}
}

// storageFault returns an error that says what is wrong but not where the
// account is, because the health endpoint needs no key.
func storageFault(err error) error {
	const op, more = "app.health", "; run corectl doctor with the settings of this process"

	for _, f := range []handlers.StorageError{
		handlers.ErrStorageRejected, handlers.ErrStorageBusy, handlers.ErrStorageUnreachable,
	} {
		if errors.Is(err, f) {
			return state.Wrap(state.CodeUnavailable, op, f.Error()+more, err)
		}
	}

	return err
}
