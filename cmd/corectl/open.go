package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
)

type openCmd struct {
	ID    string `arg:"" optional:"" help:"Job id, at least its first 4 digits, or @last. Without it, the list of jobs."`
	Print bool   `help:"Only print the address."`
}

// Run prints the URL of the page, and opens it if there is a display.
func (c *openCmd) Run(ctx context.Context, a *app) error {
	address := a.api.Base() + "/ui"
	if c.ID != "" {
		id, err := a.jobID(ctx, c.ID)
		if err != nil {
			return err
		}

		address += "/jobs/" + id.String()
	}

	var err error

	if a.format == "json" || a.format == "jsonl" {
		var text []byte
		if text, err = encode(map[string]string{"url": address}); err == nil {
			err = a.body(text)
		}
	} else {
		err = a.lines([]string{address})
	}

	if err != nil || c.Print || !a.outTTY {
		return err
	}

	if err := a.open(address); err != nil {
		return exitf(exitOther, "Cannot open a browser: %v", err)
	}

	return nil
}

func openBrowser(address string) error {
	name, args := "xdg-open", []string{address}

	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", address}
	}

	cmd := exec.Command(name, args...) //nolint:noctx // our own URL, in a program that outlives this one
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}

	return cmd.Process.Release()
}
