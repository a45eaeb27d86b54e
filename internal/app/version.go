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

// Version is the build, as health and worker rows show it.
func Version() string {
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
