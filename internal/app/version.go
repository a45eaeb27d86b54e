package app

import (
	"runtime/debug"
)

// commit is what the build was made from; empty where that is not known.
func commit() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}

	revision, changed := "", ""

	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " and changes"
		}
	}

	if revision == "" {
		return ""
	}

	return revision + changed
}

// release is the version of a release build. The linker sets it with
// -ldflags "-X coremachine/internal/app.release=v1.2.3".
var release string

// Version returns the build, as health and worker rows show it: the release, or
// the commit, or the version of the main module.
func Version() string {
	if release != "" {
		return release
	}

	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}

	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			version = s.Value[:12]
		}
	}

	return version
}
