package main

import (
	"maps"
	"slices"

	"coremachine/internal/jobs"
)

// compiledTypes are the job types of this build: what completion offers without
// asking anybody.
func compiledTypes() []string { return slices.Sorted(maps.Keys(jobs.All)) }
