package main

import process "coremachine/internal/app"

type versionCmd struct{}

// Run prints the build.
func (c *versionCmd) Run(a *app) error {
	text, err := encode(map[string]string{"version": process.Version()})
	if err != nil {
		return err
	}

	return a.one(text, process.Version(), func() error { return a.lines([]string{process.Version()}) })
}
