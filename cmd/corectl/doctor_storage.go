package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	process "coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/handlers"
	"coremachine/internal/state"
)

// checkStorage lists one name in the storage account and reads no blob. Its
// finding contains neither the URL nor the key.
func checkStorage(ctx context.Context, cfg config.Config) finding {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()

	identity := cfg.Storage == ""

	store, err := process.OpenStorage(cfg)
	if err != nil {
		if identity {
			return finding{"storage", bad, rootCause(err), "az login, or an assigned identity"}
		}

		if known, ok := errors.AsType[*state.Error](err); ok {
			err = errors.New("STORAGE: " + known.Msg)
		}

		return finding{"storage", bad, err.Error(), "docs/configuration.md"}
	}

	if store == nil {
		return finding{
			"storage",
			fine,
			"no account is configured: jobs over blobs are rejected",
			"to run such jobs, set STORAGE or STORAGE__blobServiceUri",
		}
	}
	defer store.Close()

	begin := time.Now()

	whole, err := store.Reach(ctx)
	switch {
	case err != nil:
		return finding{"storage", bad, err.Error(), storageAdvice(err, identity)}
	case !whole:
		return finding{
			"storage",
			warn,
			"the account answers but does not list its containers, which is sufficient only for jobs over " +
				"single containers",
			storageRights(identity),
		}
	}

	return finding{
		"storage",
		fine,
		fmt.Sprintf("containers can be listed, %.0f ms", float64(time.Since(begin).Microseconds())/1000),
		"",
	}
}

func storageAdvice(err error, identity bool) string {
	switch {
	case errors.Is(err, handlers.ErrStorageRejected):
		return storageRights(identity)
	case errors.Is(err, handlers.ErrStorageBusy):
		return "try again in a minute"
	case identity:
		return "check STORAGE__blobServiceUri, the sign-in, and whether the network rules of the account " +
			"allow this machine"
	}

	return "check the account name or endpoint in STORAGE, and whether its network rules allow this machine"
}

// storageRights describes what gives a process the permission to read.
func storageRights(identity bool) string {
	if identity {
		return `az role assignment create --role "Storage Blob Data Reader" …`
	}

	return "set STORAGE to a valid key or signature with the rights to read and list"
}
