// Command setup installs what the tests need and .ci/setup does not install:
// Azurite and Microsoft's JavaScript client of Service Bus from npm, GeoTIFF
// files that other programs wrote, and Postgres where the system has none.
// .ci/setup calls it in the root of the repository.
//
// It owns the folders of .local in which the tests look for these. A second run
// installs nothing. It may import dev/azurite, dev/npm, dev/pglocal and
// dev/rasterfiles.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"

	"coremachine/internal/dev/azurite"
	"coremachine/internal/dev/npm"
	"coremachine/internal/dev/pglocal"
	"coremachine/internal/dev/rasterfiles"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := install(ctx)

	stop()

	if err != nil {
		fmt.Fprintln(os.Stderr, "setup:", err)
		os.Exit(1)
	}
}

func install(ctx context.Context) error {
	_, azuriteErr := azurite.Install(ctx, azurite.Options{Dir: filepath.Join(".local", "azurite")})

	_, clientErr := npm.Install(ctx, npm.Options{
		Dir:    filepath.Join(".local", "servicebus-javascript"),
		Recipe: os.DirFS(filepath.Join("internal", "dev", "sbfake", "testdata", "javascript", "npm")),
	})

	rastersErr := rasterfiles.InstallAll(ctx, filepath.Join(".local", "rasters"))

	return errors.Join(azuriteErr, clientErr, rastersErr, pglocal.Install(ctx, slog.Default()))
}
