package main

import (
	"maps"
	"slices"

	"coremachine/internal/jobs"
)

// compiledTypes returns the job types of this build, which completion offers
// without a request to the API.
func compiledTypes() []string { return slices.Sorted(maps.Keys(jobs.All)) }
