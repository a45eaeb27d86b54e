package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"coremachine/cmd/corectl/internal/appzip"
)

// packageCmd builds the zip that func azure functionapp publish would upload.
type packageCmd struct {
	Out string `placeholder:"FILE" default:"app.zip" help:"Path of the package."`
}

// Run builds the static Linux executable from the current checkout and packs
// it.
func (c *packageCmd) Run(ctx context.Context, a *app) (err error) {
	dir, err := os.MkdirTemp("", "corectl-package-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	executable := filepath.Join(dir, "handler")
	build := exec.CommandContext(
		ctx,
		"go",
		"build",
		"-trimpath",
		"-ldflags",
		"-s -w",
		"-o",
		executable,
		"./cmd/handler",
	)

	build.Env = append(build.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		return exitf(
			exitOther,
			"The handler does not build. Run this command in the root of the repository. %s",
			out,
		)
	}

	file, err := os.Create(c.Out)
	if err != nil {
		return err
	}

	if err := appzip.Write(file, ".", executable); err != nil {
		return errors.Join(err, file.Close())
	}

	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}

	text, err := encode(map[string]any{"file": c.Out, "bytes": info.Size()})
	if err == nil {
		err = a.one(
			text,
			c.Out,
			func() error { return a.lines([]string{fmt.Sprintf("%s %.1f MB", c.Out, float64(info.Size())/(1<<20))}) },
		)
	}

	return errors.Join(err, file.Close())
}
