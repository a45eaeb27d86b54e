package jobs

import "coremachine"

// Schedules maps each schedule to what it starts.
var Schedules = map[string]coremachine.Schedule{
	"nightly_count": coremachine.Every("30 2 * * *", "Europe/Berlin", WordCount, WordCountParams{
		Texts: []string{"the texts of each night"},
	}),
}
