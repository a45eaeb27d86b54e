package render

import (
	"maps"
	"slices"
	"strings"

	"coremachine/internal/view"
)

// labels is the line with the run key and the tags of a job, or "".
func (s Style) labels(job view.JobSummary) string {
	var parts []string
	if job.RunKey != "" {
		parts = append(parts, "KEY  "+s.Plain(job.RunKey))
	}

	if len(job.Tags) > 0 {
		parts = append(parts, "TAGS  "+s.Tags(job.Tags))
	}

	return strings.Join(parts, "  ")
}

// Tags writes tags in the order of their names.
func (s Style) Tags(tags map[string]string) string { return s.Plain(strings.Join(pairs(tags), " ")) }

// pairs are tags as name=value, in the order of their names.
func pairs(tags map[string]string) []string {
	words := make([]string, 0, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		words = append(words, name+"="+tags[name])
	}

	return words
}

// listLabels is the cell of a list with the run key and the tags of a job.
func (s Style) listLabels(job view.JobSummary) string {
	words := pairs(job.Tags)
	if job.RunKey != "" {
		words = append([]string{job.RunKey}, words...)
	}

	if len(words) == 0 {
		return "-"
	}

	return s.Plain(strings.Join(words, " "))
}
