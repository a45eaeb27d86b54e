// Package jobs declares the jobs of this project.
package jobs

import "coremachine"

// All maps each job name to its definition.
var All = map[string]coremachine.Job{
	"longest_words": LongestWords,
	"word_count":    WordCount,
}
