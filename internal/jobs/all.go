package jobs

import "coremachine/internal/jobs/define"

// All is every job, by the name under which it is submitted.
var All = map[string]define.Job{
	"hello_world": HelloWorld,
}
